//! What the calls of a pickle mean: the rebuilding of tensors and dictionaries. Every other call makes an inert object.

use super::super::fault::{Fault, Parsed, shown};
use super::globals::storage_kind;
use super::value::{Heap, Node, Storage, Tensor, Value, push};

/// A call inside a call, as `_rebuild_from_type_v2` has it, goes so deep.
const MAX_NESTED: usize = 4;

/// The value of `function(*args)`.
pub(super) fn reduce<'a>(heap: &mut Heap<'a>, function: Value<'a>, args: Value<'a>) -> Parsed<Value<'a>> {
    reduce_nested(heap, function, args, MAX_NESTED)
}

fn reduce_nested<'a>(heap: &mut Heap<'a>, function: Value<'a>, args: Value<'a>, deep: usize) -> Parsed<Value<'a>> {
    let Some(class) = heap.global(function) else {
        return Err(broken(format!("a call of {}", heap.describe(function))));
    };
    let items = heap.tuple(args).ok_or_else(|| broken("a call without its arguments"))?;
    let arg = |at: usize| items.get(at).copied().unwrap_or(Value::None);
    let few = |needed: usize| match items.len() >= needed {
        true => Ok(()),
        false => Err(broken(format!("{} with {} arguments", class.1, items.len()))),
    };
    match class {
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3") => {
            few(4)?;
            let dtype = if class.1 == "_rebuild_tensor_v3" { arg(6) } else { Value::None };
            let tensor = Tensor { storage: arg(0), offset: arg(1), size: arg(2), stride: arg(3), dtype };
            heap.add(Node::Tensor(tensor))
        }
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
        | ("torch.nn.parameter", "Parameter") => {
            few(1)?;
            Ok(arg(0))
        }
        ("torch._tensor", "_rebuild_from_type_v2") => {
            few(3)?;
            let deep = deep.checked_sub(1).ok_or_else(|| broken("calls inside each other"))?;
            let (inner, inner_args) = (arg(0), arg(2));
            reduce_nested(heap, inner, inner_args, deep)
        }
        ("torch", "Size") => Ok(arg(0)),
        ("collections", "OrderedDict") => {
            let pairs = arg(0);
            ordered(heap, pairs)
        }
        ("collections", "defaultdict") => heap.add(Node::Dict(Vec::new())),
        ("copyreg" | "copy_reg", "_reconstructor") => {
            let made = arg(0);
            let class = heap.global(made).ok_or_else(|| broken("an object without a class"))?;
            heap.add(Node::Object { class, args: Value::None, state: Value::None })
        }
        _ => heap.add(Node::Object { class, args, state: Value::None }),
    }
}

/// The value of `class.__new__(class, *args)`.
pub(super) fn new_object<'a>(heap: &mut Heap<'a>, class: Value<'a>, args: Value<'a>) -> Parsed<Value<'a>> {
    match heap.global(class) {
        Some(("collections", "OrderedDict" | "defaultdict")) => heap.add(Node::Dict(Vec::new())),
        Some(class) => heap.add(Node::Object { class, args, state: Value::None }),
        None => Err(broken(format!("an object of {}", heap.describe(class)))),
    }
}

/// Gives an object its attributes. Those of dictionaries and tensors are of no use here.
pub(super) fn build<'a>(heap: &mut Heap<'a>, object: Value<'a>, given: Value<'a>) -> Parsed<()> {
    // With slots, the attributes are the first of two.
    let given = heap.tuple(given).and_then(|pair| pair.first().copied()).unwrap_or(given);
    match heap.node_mut(object).0 {
        Some(Node::Object { state, .. }) => *state = given,
        Some(_) => (),
        None => return Err(broken("attributes for something that is no object")),
    }
    Ok(())
}

/// `OrderedDict(pairs)`: empty in newer files, a list of pairs in those of Python 2.
fn ordered<'a>(heap: &mut Heap<'a>, pairs: Value<'a>) -> Parsed<Value<'a>> {
    let dict = heap.add(Node::Dict(Vec::new()))?;
    let length = match heap.node(pairs) {
        Some(Node::List(items) | Node::Tuple(items)) => items.len(),
        _ => 0,
    };
    for at in 0..length {
        let pair = match heap.node(pairs) {
            Some(Node::List(items) | Node::Tuple(items)) => items.get(at).and_then(|&item| heap.node(item)),
            _ => None,
        };
        let Some(Node::List(pair) | Node::Tuple(pair)) = pair else { return Err(broken("a dictionary without pairs")) };
        let &[key, value] = pair.as_slice() else { return Err(broken("a dictionary without pairs")) };
        if let (Some(Node::Dict(entries)), budget) = heap.node_mut(dict) {
            push(entries, (key, value), budget)?;
        }
    }
    Ok(dict)
}

/// The storage that a persistent id names: `("storage", class, key, device, count)`, and in old files a view of it. The
/// persistent ids of old files that carry the source text of a class stand for the class.
pub(super) fn persistent<'a>(heap: &mut Heap<'a>, id: Value<'a>) -> Parsed<Value<'a>> {
    let wrong = || broken("a persistent id that names no storage");
    let items = heap.tuple(id).ok_or_else(wrong)?;
    let (class, key, count, view) = match *items {
        [Value::Text("module"), class, ..] => return Ok(class),
        [Value::Text("storage"), class, Value::Text(key), _, Value::Int(count)] => (class, key, count, Value::None),
        [Value::Text("storage"), class, Value::Text(key), _, Value::Int(count), view] => (class, key, count, view),
        _ => return Err(wrong()),
    };
    let kind = match heap.global(class) {
        Some(("torch.storage", "UntypedStorage" | "_UntypedStorage")) => None,
        Some(("torch" | "torch.cuda", name)) => Some(storage_kind(name).ok_or_else(wrong)?),
        _ => return Err(broken(format!("a storage of {}", heap.describe(class)))),
    };
    let (offset, count) = match (view, heap.tuple(view)) {
        (Value::None, _) => (0, count),
        (_, Some([_, Value::Int(offset), Value::Int(size)])) => {
            let inside = *offset >= 0 && *size >= 0 && offset.checked_add(*size).is_some_and(|end| end <= count);
            if !inside {
                return Err(broken(format!("a view outside the storage {}", shown(key))));
            }
            (*offset, *size)
        }
        _ => return Err(wrong()),
    };
    heap.add(Node::Storage(Storage { kind, key, count, offset }))
}

fn broken(found: impl Into<String>) -> Fault {
    Fault::new("a pickle as torch.save writes it", found)
}
