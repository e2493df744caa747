"""Stores by themselves: items, namespaces, filters and meaning."""

import asyncio
import inspect

from parity.drive import attempt
from parity.registry import covers

from .runtimes import described

PEOPLE = {
    "ann": {"name": "Ann", "age": 40, "tags": ["a"], "home": {"city": "Oslo", "zip": 1}},
    "bob": {"name": "Bob", "age": 25, "tags": [], "home": {"city": "Bonn"}},
    "cid": {"name": "Cid", "age": 31, "tags": ["a", "b"], "home": None},
}
WORDS = ("cat", "dog", "car")


def embed(texts):
    """Return a vector a text: how often each word is in it, and a little of everything."""
    return [[text.count(word) + 0.1 for word in WORDS] for text in texts]


async def aembed(texts):
    """The same, in time."""
    return embed(texts)


def filled(lg, **options):
    """Return a store with three people."""
    store = lg.store.memory.InMemoryStore(**options)
    for key, value in PEOPLE.items():
        store.put(("people", key[0]), key, value)
    return store


@covers("RTS-05", "PKG-16")
def signatures(lg):
    """The methods take what LangGraph's take."""
    BaseStore = lg.store.base.BaseStore
    for name in ("get", "put", "delete", "search", "list_namespaces", "batch"):
        for twin in (name, f"a{name}"):
            parameters = inspect.signature(getattr(BaseStore, twin)).parameters.values()
            yield twin, [(p.name, p.kind.name, p.default is p.empty) for p in parameters]
    yield BaseStore.supports_ttl, sorted(BaseStore.__abstractmethods__)


@covers("RTS-05", "RTS-06")
def put_get_delete(lg):
    """An item is there until it is deleted or put as None; items are replaced, not merged."""
    store = filled(lg)
    item = store.get(("people", "a"), "ann")
    yield described(item), sorted(item.dict()), type(item.dict()["created_at"]).__name__
    store.put(("people", "a"), "ann", {"name": "Anna"})
    yield described(store.get(("people", "a"), "ann"))
    store.delete(("people", "a"), "ann")
    store.delete(("people", "a"), "nobody")
    store.put(("people", "b"), "bob", None)
    yield store.get(("people", "a"), "ann"), store.get(("people", "b"), "bob"), store.get(("no",), "no")
    yield [described(item) for item in store.search(("people",))]


@covers("RTS-05")
def the_same_with_coroutines(lg):
    """The coroutines do what the methods do."""

    async def run():
        store = lg.store.memory.InMemoryStore()
        await store.aput(("a", "b"), "k", {"x": 1})
        await store.aput(("a",), "l", {"x": 2}, index=False)
        found = [described(await store.aget(("a", "b"), "k")), await store.alist_namespaces()]
        found += [[described(item) for item in await store.asearch(("a",), filter={"x": 2})]]
        await store.adelete(("a", "b"), "k")
        return [*found, await store.aget(("a", "b"), "k")]

    yield asyncio.run(run())


@covers("RTS-05")
def namespaces(lg):
    """Namespaces are listed by prefix, suffix and depth, in order, a page at a time."""
    store = lg.store.memory.InMemoryStore()
    for place in ("a.b.c", "a.b.d", "a.x.c", "z", "a"):
        store.put(tuple(place.split(".")), "k", {})
    for wanted in (
        {},
        {"prefix": ("a",)},
        {"prefix": ("a", "*", "c")},
        {"suffix": ("c",)},
        {"prefix": ("a",), "suffix": ("d",)},
        {"max_depth": 2},
        {"max_depth": 1},
        {"limit": 2, "offset": 1},
        {"prefix": ("no",)},
    ):
        yield wanted, store.list_namespaces(**wanted)


@covers("RTS-05")
def refused_namespaces(lg):
    """A namespace is a tuple of words without dots, the first of which is not the engine's own."""
    store = lg.store.memory.InMemoryStore()
    for place in ((), ("",), ("a.b",), ("a", 1), ("langgraph", "x")):
        yield type(attempt(store.put, place, "k", {}).error).__name__


@covers("RTS-05")
def batches(lg):
    """Operations of a batch are answered in order; puts show after it."""
    base = lg.store.base
    store = filled(lg)
    yield [
        found if not hasattr(found, "key") else described(found)
        for found in store.batch(
            [
                base.GetOp(("people", "a"), "ann"),
                base.PutOp(("people", "a"), "ann", {"new": True}),
                base.GetOp(("people", "a"), "ann"),
                base.ListNamespacesOp((base.MatchCondition("prefix", ("people", "*")),)),
            ]
        )
    ]
    yield described(store.get(("people", "a"), "ann"))


@covers("RTS-07")
def filters(lg):
    """All conditions must hold; operators compare, plain values and dicts are equal."""
    store = filled(lg)
    for wanted in (
        {"name": "Ann"},
        {"age": {"$gt": 25}},
        {"age": {"$gte": 25, "$lt": 40}},
        {"age": {"$lte": 25}, "name": {"$ne": "Bob"}},
        {"age": {"$ne": 40}},
        {"home": {"$eq": None}},
        {"home": {"city": "Oslo"}},
        {"home": {"city": {"$ne": "Oslo"}}},
        {"tags": ["a"]},
        {"missing": None},
        {"name": "Ann", "age": 25},
        {"age": {"$in": [25]}},
    ):
        found = attempt(store.search, ("people",), filter=wanted)
        keys = [item.key for item in found] if isinstance(found, list) else type(found.error).__name__
        yield wanted, keys
    yield [item.key for item in store.search((), limit=2)], [item.key for item in store.search((), offset=2)]


@covers("RTS-08", "RTS-06")
def meaning(lg):
    """Items are found by the nearest of their vectors; those without any come last, without a score."""
    for function in (embed, aembed):
        store = lg.store.memory.InMemoryStore(index={"dims": 3, "embed": function, "fields": ["t", "u[*].v"]})

        async def fill(store=store):
            await store.aput(("m",), "pets", {"t": "cat cat dog", "u": [{"v": "car"}]})
            await store.aput(("m",), "car", {"t": "car", "u": []})
            await store.aput(("m",), "hidden", {"t": "cat cat cat"}, index=False)
            await store.aput(("m",), "other", {"t": "car", "x": "cat"}, index=["x"])
            await store.aput(("m",), "empty", {"n": 1})
            found = []
            for query in ("cat", "car", "dog dog"):
                items = await store.asearch(("m",), query=query)
                found.append([(i.key, None if i.score is None else round(i.score, 4)) for i in items])
            items = await store.asearch(("m",), query="cat", filter={"t": "car"}, limit=1)
            return [*found, [item.key for item in items]]

        yield asyncio.run(fill())


@covers("RTS-08")
def fields(lg):
    """Paths reach into lists and dicts; $ is the whole item; no query is no search by meaning."""
    for path in ("a.b[0]", "a[*].c", "a[-1]", "$", "{a,x}", "missing", "a.*"):
        store = lg.store.memory.InMemoryStore(index={"dims": 3, "embed": embed, "fields": [path]})
        store.put(("m",), "one", {"a": {"b": ["cat", "dog"]}, "x": "car"})
        store.put(("m",), "two", {"a": [{"c": "cat"}, {"c": "dog"}]})
        found = store.search(("m",), query="dog")
        yield path, [(item.key, None if item.score is None else round(item.score, 4)) for item in found]
        yield [(item.key, item.score) for item in store.search(("m",))]
