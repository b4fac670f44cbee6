//! A machine for the pickles of `torch.save` that executes nothing.
//!
//! It knows the opcodes that Python writes in protocols 2 to 5. Classes and functions are names from a closed list
//! ([`globals`]); calling one makes an inert object, apart from the few that describe tensors and dictionaries
//! ([`calls`]). Texts and bytes stay in the file, so what a pickle builds is a small multiple of its own length, and is
//! paid for from a [`Budget`](super::fault::Budget) before it is stored.

mod calls;
mod globals;
mod value;

use std::collections::HashMap;

use super::fault::{Fault, Parsed, shown};
pub(super) use globals::dtype;
use value::push;
pub(super) use value::{Heap, Node, NodeId, Storage, Tensor, Value};

/// A longer pickle describes no network.
pub(super) const MAX_PICKLE: usize = 64 << 20;
/// The longest name of a module or a class.
const MAX_GLOBAL: usize = 256;
/// Values on the stack. Python itself writes long lists and dictionaries in parts of 1000.
const MAX_STACK: usize = 1 << 18;

/// Runs the pickle at the start of `bytes`. Returns its value and its length.
pub(super) fn run<'a>(bytes: &'a [u8], heap: &mut Heap<'a>) -> Parsed<(Value<'a>, usize)> {
    let bytes = &bytes[..bytes.len().min(MAX_PICKLE)];
    let mut machine = Machine { bytes, at: 0, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new(), heap };
    loop {
        let start = machine.at;
        let opcode = machine.byte()?;
        if opcode == b'.' {
            return Ok((machine.pop()?, machine.at));
        }
        machine.step(opcode, start)?;
    }
}

struct Machine<'a, 'h> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    /// Lengths of the stack where marks were set.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    heap: &'h mut Heap<'a>,
}

impl<'a> Machine<'a, '_> {
    fn step(&mut self, opcode: u8, start: usize) -> Parsed<()> {
        match opcode {
            0x80 => self.protocol(),
            0x95 => self.length(8).map(drop),
            b'(' => {
                let length = self.stack.len();
                push(&mut self.marks, length, &mut self.heap.budget)
            }
            b'0' => self.pop().map(drop),
            b'1' => self.mark().map(|from| self.stack.truncate(from)),
            b'N' | 0x88 | 0x89 | b'J' | b'K' | b'M' | 0x8a | 0x8b | b'G' => self.number(opcode),
            b'X' | 0x8c | 0x8d | b'T' | b'U' => self.text(opcode),
            b'B' | b'C' | 0x8e | 0x96 => {
                let bytes = self.counted(opcode)?;
                self.push(Value::Bytes(bytes))
            }
            b']' | 0x8f => self.push_node(Node::List(Vec::new())),
            b'}' => self.push_node(Node::Dict(Vec::new())),
            b')' | 0x85..=0x87 | b't' | 0x91 => self.tuple(opcode),
            b'a' | b'e' | 0x90 => self.append(opcode),
            b's' | b'u' => self.set_items(opcode),
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memory(opcode),
            b'c' | 0x93 => self.global(opcode, start),
            b'R' | 0x81 | 0x92 | b'b' | b'Q' => self.object(opcode),
            _ => Err(self.fault(format!("the opcode {opcode:#04x}, which no checkpoint has"), start)),
        }
    }

    fn protocol(&mut self) -> Parsed<()> {
        let start = self.at;
        match self.byte()? {
            2..=5 => Ok(()),
            other => Err(self.fault(format!("protocol {other}"), start)),
        }
    }

    fn number(&mut self, opcode: u8) -> Parsed<()> {
        let value = match opcode {
            b'N' => Value::None,
            0x88 | 0x89 => Value::Bool(opcode == 0x88),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            b'K' => Value::Int(self.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            b'G' => self.array::<8>().map(|_| Value::Float)?,
            _ => {
                let bytes = self.counted(opcode)?;
                long(bytes).map_or(Value::Bytes(bytes), Value::Int)
            }
        };
        self.push(value)
    }

    fn text(&mut self, opcode: u8) -> Parsed<()> {
        let start = self.at;
        let bytes = self.counted(opcode)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => self.push(Value::Text(text)),
            // Python 2 has one type for bytes and texts.
            Err(_) if matches!(opcode, b'T' | b'U') => self.push(Value::Bytes(bytes)),
            Err(source) => Err(self.fault("a text that is not UTF-8", start).caused_by(source)),
        }
    }

    fn tuple(&mut self, opcode: u8) -> Parsed<()> {
        let from = match opcode {
            b')' => self.stack.len(),
            0x85..=0x87 => self.under(usize::from(opcode - 0x84))?,
            _ => self.mark()?,
        };
        self.heap.budget.spend((self.stack.len() - from) * size_of::<Value>())?;
        let items = self.stack.split_off(from);
        self.push_node(if opcode == 0x91 { Node::List(items) } else { Node::Tuple(items) })
    }

    fn append(&mut self, opcode: u8) -> Parsed<()> {
        let from = if opcode == b'a' { self.under(1)? } else { self.mark()? };
        let list = self.target(from)?;
        match self.heap.node_mut(list) {
            (Some(Node::List(items)), budget) => {
                for &item in &self.stack[from..] {
                    push(items, item, budget)?;
                }
            }
            // A class that extends a list: its items are of no use here.
            (Some(Node::Object { .. }), _) => (),
            _ => return Err(self.fault("items for something that is no list", self.at)),
        }
        self.stack.truncate(from);
        Ok(())
    }

    fn set_items(&mut self, opcode: u8) -> Parsed<()> {
        let from = if opcode == b's' { self.under(2)? } else { self.mark()? };
        let dict = self.target(from)?;
        let (pairs, rest) = self.stack[from..].as_chunks();
        match self.heap.node_mut(dict) {
            (Some(Node::Dict(entries)), budget) if rest.is_empty() => {
                for &[key, value] in pairs {
                    push(entries, (key, value), budget)?;
                }
            }
            (Some(Node::Object { .. }), _) if rest.is_empty() => (),
            _ => return Err(self.fault("entries for something that is no dictionary", self.at)),
        }
        self.stack.truncate(from);
        Ok(())
    }

    fn memory(&mut self, opcode: u8) -> Parsed<()> {
        /// A slot of the map, at most half of which is full.
        const SLOT: usize = 2 * (size_of::<(u32, Value)>() + 1);
        let start = self.at;
        let index = match opcode {
            b'q' | b'h' => self.byte()?.into(),
            0x94 => self.memo.len() as u32,
            _ => u32::from_le_bytes(self.array()?),
        };
        if matches!(opcode, b'h' | b'j') {
            let value = self.memo.get(&index).copied();
            let value =
                value.ok_or_else(|| self.fault(format!("a reference to {index}, which is not there"), start))?;
            return self.push(value);
        }
        let top = self.stack.get(self.under(1)?).copied().ok_or_else(|| self.empty())?;
        if !self.memo.contains_key(&index) {
            self.heap.budget.spend(SLOT)?;
        }
        self.memo.insert(index, top);
        Ok(())
    }

    fn global(&mut self, opcode: u8, start: usize) -> Parsed<()> {
        let (module, name) = match opcode {
            b'c' => (self.line()?, self.line()?),
            _ => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => (module, name),
                _ => return Err(self.fault("a name that is no text", start)),
            },
        };
        if !globals::is_allowed(module, name) {
            let what = format!("{}.{}", shown(module), shown(name));
            let found = format!(
                "the name {what} at byte {start} of its pickle; nothing was executed. If the file is trusted, save only the \
                 state dict: torch.save(model.state_dict(), path)"
            );
            return Err(Fault::new("a checkpoint that names only what networks are made of", found));
        }
        self.push_node(Node::Global { module, name })
    }

    fn object(&mut self, opcode: u8) -> Parsed<()> {
        if opcode == b'Q' {
            let id = self.pop()?;
            let value = calls::persistent(self.heap, id)?;
            return self.push(value);
        }
        if opcode == 0x92 {
            self.pop()?; // named arguments: of no use here
        }
        let given = self.pop()?;
        let target = self.pop()?;
        let value = match opcode {
            b'R' => calls::reduce(self.heap, target, given)?,
            b'b' => calls::build(self.heap, target, given).map(|()| target)?,
            _ => calls::new_object(self.heap, target, given)?,
        };
        self.push(value)
    }

    fn push(&mut self, value: Value<'a>) -> Parsed<()> {
        if self.stack.len() >= MAX_STACK {
            return Err(self.fault(format!("more than {MAX_STACK} values at once"), self.at));
        }
        push(&mut self.stack, value, &mut self.heap.budget)
    }

    fn push_node(&mut self, node: Node<'a>) -> Parsed<()> {
        let value = self.heap.add(node)?;
        self.push(value)
    }

    fn pop(&mut self) -> Parsed<Value<'a>> {
        self.under(1)?;
        self.stack.pop().ok_or_else(|| self.empty())
    }

    /// Takes the last mark: the length that the stack had there.
    fn mark(&mut self) -> Parsed<usize> {
        self.marks.pop().filter(|&length| length <= self.stack.len()).ok_or_else(|| self.empty())
    }

    /// Where the last `count` values begin, none of which may lie below the last mark.
    fn under(&self, count: usize) -> Parsed<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack.len().checked_sub(count).filter(|&from| from >= floor).ok_or_else(|| self.empty())
    }

    /// The value before `from`, which items are added to.
    fn target(&self, from: usize) -> Parsed<Value<'a>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let at = from.checked_sub(1).filter(|&at| at >= floor);
        at.and_then(|at| self.stack.get(at)).copied().ok_or_else(|| self.empty())
    }

    fn byte(&mut self) -> Parsed<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()).ok_or_else(|| self.ended())?;
        self.at += N;
        Ok(*bytes)
    }

    /// A length of `width` bytes, which must not be more than what follows.
    fn length(&mut self, width: usize) -> Parsed<usize> {
        let start = self.at;
        let mut whole = [0; 8];
        for byte in whole.iter_mut().take(width) {
            *byte = self.byte()?;
        }
        let length = u64::from_le_bytes(whole);
        match usize::try_from(length) {
            Ok(length) if length <= self.bytes.len() - self.at => Ok(length),
            _ => Err(self.fault(format!("{length} bytes where {} are left", self.bytes.len() - self.at), start)),
        }
    }

    /// The bytes of an opcode that gives their number first.
    fn counted(&mut self, opcode: u8) -> Parsed<&'a [u8]> {
        let width = match opcode {
            0x8a | 0x8c | b'U' | b'C' => 1,
            0x8d | 0x8e | 0x96 => 8,
            _ => 4,
        };
        let length = self.length(width)?;
        let bytes = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(bytes)
    }

    /// The text up to the next line end.
    fn line(&mut self) -> Parsed<&'a str> {
        let start = self.at;
        let rest = &self.bytes[start..self.bytes.len().min(start + MAX_GLOBAL)];
        let length = rest.iter().position(|&byte| byte == b'\n');
        let text = length.and_then(|length| std::str::from_utf8(&rest[..length]).ok());
        let text = text.ok_or_else(|| self.fault("a name that does not end or is not UTF-8", start))?;
        self.at = start + text.len() + 1;
        Ok(text)
    }

    fn fault(&self, found: impl Into<String>, at: usize) -> Fault {
        let found = format!("{} at byte {at} of its pickle; nothing was executed", found.into());
        Fault::new("a pickle as torch.save writes it", found)
    }

    fn empty(&self) -> Fault {
        self.fault("an opcode that takes more values than there are", self.at)
    }

    fn ended(&self) -> Fault {
        let limit = if self.bytes.len() == MAX_PICKLE { " (the limit)" } else { "" };
        self.fault(format!("the end of the data after {} bytes{limit}", self.bytes.len()), self.at)
    }
}

/// An integer of up to 8 bytes in two's complement.
fn long(bytes: &[u8]) -> Option<i64> {
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut whole = if negative { [0xff; 8] } else { [0; 8] };
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(whole))
}
