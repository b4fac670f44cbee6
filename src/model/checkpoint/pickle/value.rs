//! What a pickle builds, as inert data: values that are copied freely, and the nodes that some of them name.

use super::super::fault::{Budget, Parsed};
use super::super::stored::Stored;

/// A value on the machine's stack. Texts stay in the file.
#[derive(Debug, Clone, Copy)]
pub(in crate::model::checkpoint) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    /// Bytes, or an integer of more than 64 bits.
    Bytes(&'a [u8]),
    Float,
    Node(NodeId),
}

/// A node's place on the [`Heap`].
pub(in crate::model::checkpoint) type NodeId = u32;

/// A composed value. Nodes name each other by place, so that cycles and deep nests cost nothing when they are dropped.
#[derive(Debug)]
pub(in crate::model::checkpoint) enum Node<'a> {
    /// A class or a function, by name only.
    Global {
        module: &'a str,
        name: &'a str,
    },
    Tuple(Vec<Value<'a>>),
    /// A list or a set.
    List(Vec<Value<'a>>),
    /// A dictionary, in the order of the file. A later entry of the same key counts.
    Dict(Vec<(Value<'a>, Value<'a>)>),
    /// An object of any other class: what it was made of, and the attributes that it was given.
    Object {
        class: (&'a str, &'a str),
        args: Value<'a>,
        state: Value<'a>,
    },
    Storage(Storage<'a>),
    Tensor(Tensor<'a>),
}

/// A block of numbers that tensors look into.
#[derive(Debug, Clone, Copy)]
pub(in crate::model::checkpoint) struct Storage<'a> {
    /// What its numbers are: `None` for bytes whose type each tensor names itself.
    pub(in crate::model::checkpoint) kind: Option<Kind<'a>>,
    pub(in crate::model::checkpoint) key: &'a str,
    /// How many numbers it holds.
    pub(in crate::model::checkpoint) count: i64,
    /// Where the numbers begin in the block that has this key, for the views of old files.
    pub(in crate::model::checkpoint) offset: i64,
}

/// The type of a storage's numbers.
#[derive(Debug, Clone, Copy)]
pub(in crate::model::checkpoint) struct Kind<'a> {
    pub(in crate::model::checkpoint) name: &'a str,
    pub(in crate::model::checkpoint) size: usize,
    /// `None` for types that no tensor here can have.
    pub(in crate::model::checkpoint) stored: Option<Stored>,
}

/// A tensor as its pickle describes it; nothing of it is checked yet.
#[derive(Debug, Clone, Copy)]
pub(in crate::model::checkpoint) struct Tensor<'a> {
    pub(in crate::model::checkpoint) storage: Value<'a>,
    pub(in crate::model::checkpoint) offset: Value<'a>,
    pub(in crate::model::checkpoint) size: Value<'a>,
    pub(in crate::model::checkpoint) stride: Value<'a>,
    /// The type of the numbers of an untyped storage.
    pub(in crate::model::checkpoint) dtype: Value<'a>,
}

/// All nodes of a file, and the memory that is left for more.
#[derive(Debug)]
pub(in crate::model::checkpoint) struct Heap<'a> {
    nodes: Vec<Node<'a>>,
    pub(in crate::model::checkpoint) budget: Budget,
}

impl<'a> Heap<'a> {
    pub(in crate::model::checkpoint) fn new(budget: Budget) -> Self {
        Self { nodes: Vec::new(), budget }
    }

    pub(in crate::model::checkpoint) fn add(&mut self, node: Node<'a>) -> Parsed<Value<'a>> {
        let id = self.nodes.len() as NodeId; // the budget ends long before 2^32 nodes
        push(&mut self.nodes, node, &mut self.budget)?;
        Ok(Value::Node(id))
    }

    pub(in crate::model::checkpoint) fn node(&self, value: Value) -> Option<&Node<'a>> {
        match value {
            Value::Node(id) => self.nodes.get(id as usize),
            _ => None,
        }
    }

    /// The node of `value`, to be changed, and the budget to pay from.
    pub(in crate::model::checkpoint) fn node_mut(&mut self, value: Value) -> (Option<&mut Node<'a>>, &mut Budget) {
        match value {
            Value::Node(id) => (self.nodes.get_mut(id as usize), &mut self.budget),
            _ => (None, &mut self.budget),
        }
    }

    pub(in crate::model::checkpoint) fn storages(&self) -> impl Iterator<Item = &Storage<'a>> {
        self.nodes.iter().filter_map(|node| if let Node::Storage(storage) = node { Some(storage) } else { None })
    }

    pub(in crate::model::checkpoint) fn tuple(&self, value: Value) -> Option<&[Value<'a>]> {
        match self.node(value) {
            Some(Node::Tuple(items)) => Some(items),
            _ => None,
        }
    }

    pub(in crate::model::checkpoint) fn global(&self, value: Value) -> Option<(&'a str, &'a str)> {
        match self.node(value) {
            Some(Node::Global { module, name }) => Some((module, name)),
            _ => None,
        }
    }

    /// The class of a value, as errors call it.
    pub(in crate::model::checkpoint) fn describe(&self, value: Value) -> String {
        match (value, self.node(value)) {
            (_, Some(Node::Global { module, name })) => format!("the name {module}.{name}"),
            (_, Some(Node::Object { class: (module, name), .. })) => format!("an object of {module}.{name}"),
            (_, Some(Node::Tuple(_))) => "a tuple".to_owned(),
            (_, Some(Node::List(_))) => "a list".to_owned(),
            (_, Some(Node::Dict(_))) => "a dictionary".to_owned(),
            (_, Some(Node::Storage(_))) => "a storage".to_owned(),
            (_, Some(Node::Tensor(_))) => "a single tensor".to_owned(),
            (Value::None, _) => "None".to_owned(),
            (Value::Text(_), _) => "a text".to_owned(),
            (Value::Bytes(_), _) => "bytes".to_owned(),
            _ => "a number".to_owned(),
        }
    }
}

/// Appends to a vector whose growth is paid for.
pub(super) fn push<T>(items: &mut Vec<T>, item: T, budget: &mut Budget) -> Parsed<()> {
    if items.len() == items.capacity() {
        budget.spend(items.len().max(4) * size_of::<T>())?;
    }
    items.push(item);
    Ok(())
}
