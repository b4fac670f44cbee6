//! Files made by hand: zip archives, pickles and safetensors that no library would write.

/// A safetensors file of a header and the numbers after it.
pub fn safetensors(header: &str, numbers: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), numbers].concat()
}

/// An archive of entries that are stored without compression. Checksums are left out: nobody reads them.
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let at = (file.len() as u32).to_le_bytes();
        let sizes = [(content.len() as u32).to_le_bytes(); 2].concat();
        let name_length = (name.len() as u16).to_le_bytes();
        file.extend(
            [b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &sizes[..], &name_length, b"\0\0", name.as_bytes()].concat(),
        );
        file.extend_from_slice(content);
        directory.extend(
            [b"PK\x01\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &sizes[..], &name_length, &[0; 12], &at, name.as_bytes()]
                .concat(),
        );
    }
    let (start, length) = ((file.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let count = (entries.len() as u16).to_le_bytes();
    [&file[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &length, &start, b"\0\0"].concat()
}

/// A file of `torch.save` around a pickle and one storage.
pub fn torch(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    zip(&[("a/data.pkl", pickle), ("a/byteorder", b"little"), ("a/data/0", storage)])
}

/// Parts of pickles.
#[derive(Clone, Debug, Default)]
pub struct Pickle(pub Vec<u8>);

impl Pickle {
    pub fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub fn op(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn global(self, module: &str, name: &str) -> Self {
        self.op(format!("c{module}\n{name}\n").as_bytes())
    }

    pub fn text(self, text: &str) -> Self {
        self.op(b"X").op(&(text.len() as u32).to_le_bytes()).op(text.as_bytes())
    }

    pub fn int(self, value: i64) -> Self {
        self.op(&[0x8a, 8]).op(&value.to_le_bytes())
    }

    pub fn ints(self, values: &[i64]) -> Self {
        values.iter().fold(self.op(b"("), |pickle, value| pickle.int(*value)).op(b"t")
    }

    /// A tensor of bytes in the storage `0` of `count` bytes.
    pub fn tensor(self, count: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Self {
        let call = self.global("torch._utils", "_rebuild_tensor_v2").op(b"((").text("storage");
        let storage = call.global("torch", "ByteStorage").text("0").text("cpu").int(count).op(b"tQ");
        storage.int(offset).ints(shape).ints(strides).op(b"\x89)tR")
    }

    /// The state dict `{"w": tensor}` and the end.
    pub fn state_dict(count: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
        Self::new().op(b"}").text("w").tensor(count, offset, shape, strides).op(b"s.").0
    }
}
