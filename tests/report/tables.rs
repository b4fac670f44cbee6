use leap_binder::contract::DataState;
use leap_binder::metrics::{Bootstrap, ClassificationReport, Predictions};
use leap_binder::report::{CheckRow, CheckSummary, ClusterFacts, Report, Shortcut};

use crate::common::{insights, points, table};

#[test]
fn csv_and_json_hold_the_same() {
    let table = table(12, 0);
    let (points, insights) = (points(12), insights(&table));
    let clusters: Vec<Option<usize>> = (0..12).map(|row| (row > 0).then_some(row % 2)).collect();
    let probabilities = [0.8, 0.2, 0.3, 0.7, 0.4, 0.6, 0.9, 0.1];
    let predictions = Predictions::new(["normal", "virus"], vec![0, 1, 0, 1], probabilities).unwrap();
    let scores = ClassificationReport::new(&predictions, &Bootstrap::default()).unwrap();
    let row = CheckRow { name: "input".into(), status: "passed".into(), detail: "(1)".into(), ..CheckRow::default() };
    let folder = tempfile::tempdir().unwrap();
    let paths = Report::new("Tables", &table)
        .map(&points, "")
        .clusters(&clusters, [ClusterFacts { cluster: 0, stability: Some(0.5), ..ClusterFacts::default() }])
        .insights(&insights)
        .shortcuts([Shortcut { column: "border, left".into(), score: 0.75, chance: 0.5, ..Shortcut::default() }])
        .metrics(DataState::Test, &scores)
        .check(CheckSummary { rows: vec![row], ..CheckSummary::default() })
        .write_tables(folder.path().join("new"))
        .unwrap();
    assert!(paths.iter().all(|path| path.exists()));
    for name in ["map", "clusters", "shortcuts", "metrics", "confusion", "check"] {
        let path = |extension: &str| folder.path().join("new").join(format!("{name}.{extension}"));
        let records: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(path("json")).unwrap()).unwrap();
        let mut reader = csv::Reader::from_path(path("csv")).unwrap();
        let header = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), records.len());
        for (row, record) in rows.iter().zip(&records) {
            for (name, text) in header.iter().zip(row) {
                match &record[name] {
                    serde_json::Value::Null => assert_eq!(text, ""),
                    serde_json::Value::String(value) => assert_eq!(text, value),
                    serde_json::Value::Number(value) => {
                        // serde_json reads the last bit of a number loosely.
                        let (csv, json) = (text.parse::<f64>().unwrap(), value.as_f64().unwrap());
                        assert!((csv - json).abs() <= 1e-15 * json.abs(), "{csv} {json}");
                    }
                    other => panic!("{other}"),
                }
            }
        }
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join("new").join(name)).unwrap();
    let found: serde_json::Value = serde_json::from_str(&read("insights.json")).unwrap();
    assert_eq!(found, serde_json::to_value(&insights).unwrap());
    assert!(read("insights.csv").lines().nth(1).unwrap().starts_with("low_performance,0.8,A group with high loss,"));
    assert!(read("differences.csv").lines().nth(1).unwrap().starts_with("0,pixels_count_3..9,,12.5,3.25,"));
    assert!(read("map.csv").starts_with("id,subset,x,y,cluster\npatient00000_scan,training,"));
    assert!(
        read("insights.csv").lines().nth(1).unwrap().ends_with("patient00000_scan;patient00001_scan;patient00002_scan")
    );
    assert_eq!(
        read("confusion.csv"),
        "subset,true,predicted,count\ntest,normal,normal,1\ntest,normal,virus,1\ntest,virus,normal,1\ntest,virus,virus,1\n"
    );
    let metrics = read("metrics.csv");
    assert_eq!(metrics.lines().count(), 1 + 10 + 2 * 5);
    assert!(metrics.contains("\ntest,,accuracy,0.5,") && metrics.contains("\ntest,virus,recall,0.5,"));
    assert_eq!(read("check.csv"), "check,subset,status,detail\ninput,,passed,(1)\n");
    assert_eq!(read("samples.csv").lines().count(), 13);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_holds_the_same() {
    use arrow::array::{Array, Float64Array, Int64Array, StringArray};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    let mut table = table(12, 0);
    table.metadata.push("id".into());
    table.rows.iter_mut().for_each(|row| row.metadata.push(1.into()));
    table.rows[4].metadata[0] = f64::NAN.into();
    let folder = tempfile::tempdir().unwrap();
    Report::new("Tables", &table).map(&points(12), "").write_tables(folder.path()).unwrap();
    let file = std::fs::File::open(folder.path().join("samples.parquet")).unwrap();
    let batch = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().next().unwrap().unwrap();
    assert_eq!(batch.num_rows(), 12);
    let column = |name: &str| batch.column_by_name(name).unwrap().as_any();
    let ids = column("id").downcast_ref::<StringArray>().unwrap();
    assert_eq!(ids.value(3), "patient00003_scan");
    assert_eq!(column("id_2").downcast_ref::<Int64Array>().unwrap().value(0), 1);
    let means = column("image_mean").downcast_ref::<Float64Array>().unwrap();
    assert!(means.is_null(4) && means.value(3) == table.rows[3].metadata[0].to_string().parse::<f64>().unwrap());
    assert!(folder.path().join("map.parquet").exists());
}
