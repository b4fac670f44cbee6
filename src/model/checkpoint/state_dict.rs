//! Which tensors of a checkpoint are the network's: the state dict that it is, that it wraps, or that its modules hold.

use std::collections::BTreeMap;

use super::fault::{Fault, Parsed, listed, shown};
use super::pickle::{Heap, Node, NodeId, Value};

/// The keys under which training programs keep the network, in the order in which they are tried: first what names itself a state
/// dict; then averaged weights, which a network is to be used with, before the last ones of the training.
const KEYS: [&str; 8] = ["state_dict", "model_state_dict", "ema", "model_ema", "model", "net", "network", "weights"];
/// A checkpoint in a checkpoint in a checkpoint.
const MAX_WRAPPED: usize = 3;
const MAX_MODULES_DEEP: usize = 64;
const MAX_NAME: usize = 1024;
/// What a name in the result costs beyond its text.
const NAME_COST: usize = 4 * size_of::<(String, NodeId)>();

/// The network's tensors.
pub(super) type Tensors = BTreeMap<String, NodeId>;

/// Finds the network's tensors in the value of a checkpoint.
pub(super) fn find<'a>(heap: &mut Heap<'a>, root: Value<'a>) -> Parsed<Tensors> {
    match search(heap, root, MAX_WRAPPED)? {
        Some(tensors) => Ok(tensors),
        None => Err(nothing(heap, root)),
    }
}

fn search<'a>(heap: &mut Heap<'a>, value: Value<'a>, wraps: usize) -> Parsed<Option<Tensors>> {
    let mut tensors = Tensors::new();
    match heap.node(value) {
        Some(Node::Object { .. }) => collect_module(heap, value, "", MAX_MODULES_DEEP, &mut tensors)?,
        Some(Node::Dict(_)) => {
            for wrapped in wrapped(heap, value)?.into_iter().flatten() {
                let inner = wraps.checked_sub(1).map(|wraps| search(heap, wrapped, wraps));
                if let Some(found) = inner.transpose()?.flatten() {
                    return Ok(Some(found));
                }
            }
            collect_tensors(heap, value, "", &[], &mut tensors)?;
        }
        _ => (),
    }
    Ok(Some(tensors).filter(|tensors| !tensors.is_empty()))
}

/// The dictionaries and objects that stand under the wrapping keys.
fn wrapped<'a>(heap: &mut Heap<'a>, dict: Value<'a>) -> Parsed<[Option<Value<'a>>; KEYS.len()]> {
    let mut found = [None; KEYS.len()];
    for at in 0..entries(heap, dict).len() {
        heap.budget.spend(1)?;
        let (key, value) = entries(heap, dict)[at];
        let place = KEYS.iter().position(|known| matches!(key, Value::Text(text) if text == *known));
        if let Some(place) = place {
            found[place] = matches!(heap.node(value), Some(Node::Dict(_) | Node::Object { .. })).then_some(value);
        }
    }
    Ok(found)
}

/// Puts the tensors of a pickled `nn.Module`, and of the modules in it, under the names of its state dict.
fn collect_module<'a>(
    heap: &mut Heap<'a>,
    module: Value<'a>,
    prefix: &str,
    deep: usize,
    into: &mut Tensors,
) -> Parsed<()> {
    let Some(&Node::Object { state, .. }) = heap.node(module) else { return Ok(()) };
    let Some(deep) = deep.checked_sub(1) else {
        return Err(Fault::new(
            format!("modules at most {MAX_MODULES_DEEP} deep"),
            format!("more in {}", shown(prefix)),
        ));
    };
    let [mut own, mut buffers, mut modules, mut left_out] = [Value::None; 4];
    for at in 0..entries(heap, state).len() {
        heap.budget.spend(1)?;
        let (key, value) = entries(heap, state)[at];
        match key {
            Value::Text("_parameters") => own = value,
            Value::Text("_buffers") => buffers = value,
            Value::Text("_modules") => modules = value,
            Value::Text("_non_persistent_buffers_set") => left_out = value,
            _ => (),
        }
    }
    let left_out = texts(heap, left_out);
    heap.budget.spend(size_of_val(left_out.as_slice()))?;
    collect_tensors(heap, own, prefix, &[], into)?;
    collect_tensors(heap, buffers, prefix, &left_out, into)?;
    for at in 0..entries(heap, modules).len() {
        let (key, value) = entries(heap, modules)[at];
        let Value::Text(key) = key else { continue };
        let name = joined(heap, prefix, key)?;
        collect_module(heap, value, &name, deep, into)?;
    }
    Ok(())
}

/// Puts the tensors of a dictionary under their names, but for those that are `left_out`.
fn collect_tensors<'a>(
    heap: &mut Heap<'a>,
    dict: Value<'a>,
    prefix: &str,
    left_out: &[&str],
    into: &mut Tensors,
) -> Parsed<()> {
    for at in 0..entries(heap, dict).len() {
        heap.budget.spend(1 + left_out.len())?;
        let (key, value) = entries(heap, dict)[at];
        if let (Value::Text(key), Value::Node(id), Some(Node::Tensor(_))) = (key, value, heap.node(value))
            && !left_out.contains(&key)
        {
            into.insert(joined(heap, prefix, key)?, id);
        }
    }
    Ok(())
}

/// The name of `key` in the module `prefix`, paid for.
fn joined(heap: &mut Heap, prefix: &str, key: &str) -> Parsed<String> {
    let length = prefix.len() + 1 + key.len();
    if length > MAX_NAME {
        return Err(Fault::new(format!("names of at most {MAX_NAME} bytes"), format!("{} of {length}", shown(key))));
    }
    heap.budget.spend(NAME_COST + length)?;
    Ok(if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") })
}

fn entries<'h, 'a>(heap: &'h Heap<'a>, value: Value<'a>) -> &'h [(Value<'a>, Value<'a>)] {
    match heap.node(value) {
        Some(Node::Dict(entries)) => entries,
        _ => &[],
    }
}

/// The texts of a set, which is a list in newer pickles and a call of `set` in older ones.
fn texts<'a>(heap: &Heap<'a>, set: Value<'a>) -> Vec<&'a str> {
    let items = match heap.node(set) {
        Some(&Node::Object { class: (_, "set"), args, .. }) => heap.tuple(args).and_then(|args| args.first().copied()),
        _ => Some(set),
    };
    match items.and_then(|items| heap.node(items)) {
        Some(Node::List(items)) => {
            items.iter().filter_map(|item| if let Value::Text(t) = item { Some(*t) } else { None }).collect()
        }
        _ => Vec::new(),
    }
}

/// What is there, where no network is.
fn nothing(heap: &Heap, root: Value) -> Fault {
    let keys: Vec<&str> = entries(heap, root)
        .iter()
        .filter_map(|(key, _)| if let Value::Text(t) = key { Some(*t) } else { None })
        .take(32)
        .collect();
    let found = match heap.node(root) {
        Some(Node::Dict(_)) if keys.is_empty() => "an empty dictionary".to_owned(),
        Some(Node::Dict(_)) => format!("a dictionary without tensors, with the keys {}", listed(&keys)),
        _ => heap.describe(root),
    };
    let expected = format!("a state dict, a module, or a dictionary that has one under {}", KEYS.join(", "));
    Fault::new(expected, found)
}
