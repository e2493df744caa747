"""Door: `otgraph.store.base`."""

from otgraph.store.base.config import NOT_PROVIDED, IndexConfig, NotProvided, TTLConfig
from otgraph.store.base.embed import AEmbeddingsFunc, Embeddings, EmbeddingsFunc, ensure_embeddings
from otgraph.store.base.item import Item, SearchItem
from otgraph.store.base.namespaces import InvalidNamespaceError
from otgraph.store.base.ops import (
    GetOp,
    ListNamespacesOp,
    MatchCondition,
    NamespaceMatchType,
    NamespacePath,
    Op,
    PutOp,
    Result,
    SearchOp,
    validate_op_namespace,
)
from otgraph.store.base.paths import get_text_at_path, tokenize_path
from otgraph.store.base.store import BaseStore

__all__ = [
    "NOT_PROVIDED",
    "AEmbeddingsFunc",
    "BaseStore",
    "Embeddings",
    "EmbeddingsFunc",
    "GetOp",
    "IndexConfig",
    "InvalidNamespaceError",
    "Item",
    "ListNamespacesOp",
    "MatchCondition",
    "NamespaceMatchType",
    "NamespacePath",
    "NotProvided",
    "Op",
    "PutOp",
    "Result",
    "SearchItem",
    "SearchOp",
    "TTLConfig",
    "ensure_embeddings",
    "get_text_at_path",
    "tokenize_path",
    "validate_op_namespace",
]
