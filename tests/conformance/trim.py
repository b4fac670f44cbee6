"""Makes tests/conformance/recorded/*.json from recorded results of code_loader 1.0.214's check_dataset.

    python3 trim.py FOLDER [--all]

FOLDER holds one JSON file for each case: `case`, and under `check_dataset` what the check gave, with Python types
spelled `__ndarray__`, `__enum__`, `__numpy_scalar__`, `__float__`, `__tuple__` and `__type__`. Written is plain JSON with
code_loader's field names: tensors as {"dtype", "shape", "data"} (flat, the first 64 values), members of enumerations by
their name, errors as one text. JSON has neither NaN nor infinities: they are null.
Cases that no test reads (those that are not in recorded/ yet) are left out; `--all` writes them too.
"""
import json
import pathlib
import sys

KEEP = ['is_valid', 'is_valid_for_model', 'general_error', 'payloads', 'setup', 'model_setup', 'print_log',
        'node_connections', 'leap_analysis_configuration', 'probes']


def plain(value):
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if '__ndarray__' in value:
        return {'dtype': value['__ndarray__'], 'shape': value['shape'], 'data': plain(value['data'])}
    if '__enum__' in value:
        return value['__enum__'].split('.')[1]
    if '__numpy_scalar__' in value:
        return plain(value['value'])
    if '__float__' in value:
        return None
    if '__tuple__' in value:
        return plain(value['__tuple__'])
    if '__class__' in value:
        return value['__class__']
    return {key: plain(item) for key, item in value.items() if key != '__type__'}


def text(error):
    if isinstance(error, dict):
        return '\n'.join(str(part) for part in (error.get('head'), error.get('raised'), error.get('text')) if part)
    return error


def trimmed(result):
    check = {key: plain(result[key]) for key in KEEP if key in result}
    check['general_error'] = text(check['general_error'])
    for payload in check['payloads']:
        payload['display'] = {key: text(error) for key, error in payload['display'].items()}
    return check


def lines(check):
    """One line for each field, payload and probe."""
    def one(value):
        return json.dumps(value, ensure_ascii=False, separators=(', ', ': '))

    def many(items, brackets):
        return brackets[0] + ''.join('\n  %s%s' % (item, ',' * (k + 1 < len(items))) for k, item in enumerate(items)) \
            + ('\n ' if items else '') + brackets[1]

    fields = []
    for key, value in check.items():
        if isinstance(value, list):
            value = many([one(item) for item in value], '[]')
        elif isinstance(value, dict) and key in ('probes', 'setup'):
            value = many(['%s: %s' % (one(name), one(item)) for name, item in value.items()], '{}')
        else:
            value = one(value)
        fields.append(' %s: %s' % (one(key), value))
    return '{\n' + ',\n'.join(fields) + '\n}\n'


def main(folder, everything=False):
    here = pathlib.Path(__file__).parent / 'recorded'
    here.mkdir(exist_ok=True)
    for path in sorted(pathlib.Path(folder).glob('*.json')):
        recorded = json.loads(path.read_text())
        if recorded.get('check_dataset') and (everything or (here / path.name).exists()):
            (here / path.name).write_text(lines(trimmed(recorded['check_dataset'])))


if __name__ == '__main__':
    main(sys.argv[1], '--all' in sys.argv)
