//! Routes, and what is known of each from its handler's signature: the document is made of that, so
//! it cannot say anything else.

use axum::{
    Json, Router,
    extract::State,
    handler::Handler,
    routing::{self, MethodRouter},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    Rest,
    answers::{Begun, Created, Gone, Placed, Soon},
    asked::{Body, InPath, Queried},
};
use crate::caller::Caller;

/// Addresses, and what answers there.
#[derive(Default)]
pub(super) struct Routes {
    pub(super) router: Router<Rest>,
    pub(super) all: Vec<Routed>,
}

/// One address with one method.
#[derive(Clone, Copy)]
pub(super) struct Routed {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) shape: fn(&mut Generators) -> Shape,
}

/// What makes schemas: of what is taken something may be left out that is always given.
pub(super) struct Generators {
    pub(super) taken: SchemaGenerator,
    pub(super) given: SchemaGenerator,
}

/// What a handler takes and gives.
#[derive(Default)]
pub(super) struct Shape {
    /// The parameters of the query, as an object.
    pub(super) query: Option<Schema>,
    /// The body.
    pub(super) body: Option<Schema>,
    /// How it may be answered where all is well.
    pub(super) statuses: Vec<u16>,
    /// Whether the answer says where to find what was made.
    pub(super) has_place: bool,
    /// The name of the answer's type, unless that is its handler's own, and its schema; none where nothing is told.
    pub(super) answer: Option<(Option<String>, Schema)>,
}

impl Routes {
    /// Something to read.
    pub(super) fn get<H: Described<T>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on("GET", path, H::shape, routing::get(handler))
    }

    /// Something to do.
    pub(super) fn post<H: Described<T>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on("POST", path, H::shape, routing::post(handler))
    }

    /// Something to put in the place of what is there.
    pub(super) fn put<H: Described<T>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on("PUT", path, H::shape, routing::put(handler))
    }

    /// Something to change parts of.
    pub(super) fn patch<H: Described<T>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.on("PATCH", path, H::shape, routing::patch(handler))
    }

    /// Something to take away.
    pub(super) fn delete<H: Described<T>, T: 'static>(
        self,
        path: &'static str,
        handler: H,
    ) -> Self {
        self.on("DELETE", path, H::shape, routing::delete(handler))
    }

    /// Others besides.
    pub(super) fn merge(mut self, others: Self) -> Self {
        self.all.extend(others.all);
        Self { router: self.router.merge(others.router), all: self.all }
    }

    fn on(
        mut self,
        method: &'static str,
        path: &'static str,
        shape: fn(&mut Generators) -> Shape,
        handler: MethodRouter<Rest>,
    ) -> Self {
        self.all.push(Routed { method, path, shape });
        Self { router: self.router.route(path, handler), all: self.all }
    }
}

/// A handler whose signature tells all of it.
pub(super) trait Described<T>: Handler<T, Rest> {
    /// What it takes and gives.
    fn shape(generators: &mut Generators) -> Shape;
}

/// A part of a request that a handler takes.
pub(super) trait Taken {
    /// Adds it to the shape.
    fn describe(shape: &mut Shape, generators: &mut Generators);
}

/// What a handler gives where all is well.
pub(super) trait Given {
    /// Adds it to the shape.
    fn describe(shape: &mut Shape, generators: &mut Generators);
}

macro_rules! described {
    ($($part:ident),+) => {
        impl<H, Made, Out, Refused, Via, $($part),+> Described<(Via, $($part),+)> for H
        where
            H: Handler<(Via, $($part),+), Rest> + FnOnce($($part),+) -> Made,
            Made: Future<Output = Result<Out, Refused>>,
            Out: Given,
            $($part: Taken),+
        {
            fn shape(generators: &mut Generators) -> Shape {
                let mut shape = Shape::default();
                $(<$part as Taken>::describe(&mut shape, generators);)+
                Out::describe(&mut shape, generators);
                shape
            }
        }
    };
}

described!(A, B);
described!(A, B, C);
described!(A, B, C, D);

impl Taken for State<Rest> {
    fn describe(_: &mut Shape, _: &mut Generators) {}
}

impl Taken for Caller {
    fn describe(_: &mut Shape, _: &mut Generators) {}
}

impl<T> Taken for InPath<T> {
    fn describe(_: &mut Shape, _: &mut Generators) {}
}

impl<T: JsonSchema> Taken for Queried<T> {
    fn describe(shape: &mut Shape, generators: &mut Generators) {
        shape.query = Some(T::json_schema(&mut generators.taken));
    }
}

impl<T: JsonSchema> Taken for Body<T> {
    fn describe(shape: &mut Shape, generators: &mut Generators) {
        shape.body = Some(T::json_schema(&mut generators.taken));
    }
}

impl<T: JsonSchema> Given for Json<T> {
    fn describe(shape: &mut Shape, generators: &mut Generators) {
        answers::<T>(shape, generators, &[200]);
    }
}

impl<T: JsonSchema> Given for Created<T> {
    fn describe(shape: &mut Shape, generators: &mut Generators) {
        answers::<T>(shape, generators, &[201]);
    }
}

impl<T: JsonSchema> Given for Placed<T> {
    fn describe(shape: &mut Shape, generators: &mut Generators) {
        shape.has_place = true;
        answers::<T>(shape, generators, &[201]);
    }
}

impl<T: JsonSchema> Given for Begun<T> {
    fn describe(shape: &mut Shape, generators: &mut Generators) {
        answers::<T>(shape, generators, &[202]);
    }
}

impl Given for Gone {
    fn describe(shape: &mut Shape, _: &mut Generators) {
        shape.statuses = vec![204];
    }
}

impl<const DONE: u16, T: JsonSchema> Given for Soon<DONE, T> {
    fn describe(shape: &mut Shape, generators: &mut Generators) {
        answers::<T>(shape, generators, &[DONE, 202]);
    }
}

fn answers<T: JsonSchema>(shape: &mut Shape, generators: &mut Generators, statuses: &[u16]) {
    let is_shared = T::schema_id().starts_with("tandem_proto::");
    shape.statuses = statuses.to_vec();
    let name = is_shared.then(|| T::schema_name().into_owned());
    shape.answer = Some((name, T::json_schema(&mut generators.given)));
}
