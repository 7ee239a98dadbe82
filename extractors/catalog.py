"""The models that can be asked for by name, beside the packaged ones.

All run on onnxruntime through fastembed, and come from the model hub when they are first used. Only
models are listed whose licence allows any use; each name, dimension and licence is that which
fastembed states (a test compares them). ``query`` and ``passage`` are what the authors of a model
want in front of the two kinds of text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.domain.near import near

_REPRESENT = "Represent this sentence for searching relevant passages: "
_REPRESENT_ZH = "为这个句子生成表示以用于检索相关文章："
_INSTRUCT = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
)


@dataclass(frozen=True)
class TextModel:
    """Turns texts into vectors of ``dimension`` floats."""

    name: str
    dimension: int
    licence: str
    query: str = ""
    passage: str = ""


@dataclass(frozen=True)
class PictureModel:
    """Turns pictures into vectors. ``texts`` names the text model of the same space, if there is
    one: with it a picture is found by what a text says of it."""

    name: str
    dimension: int
    licence: str
    texts: TextModel | None = None

    @property
    def space(self) -> str:
        """The name of the space: that of its text model where passages can lie there too."""
        return self.texts.name if self.texts in TEXT_MODELS and self.texts else self.name


_NOMIC = TextModel(
    "nomic-ai/nomic-embed-text-v1.5", 768, "apache-2.0", "search_query: ", "search_document: "
)
_NOMIC_Q = TextModel(
    "nomic-ai/nomic-embed-text-v1.5-Q", 768, "apache-2.0", "search_query: ", "search_document: "
)

TEXT_MODELS = (
    TextModel("BAAI/bge-small-en-v1.5", 384, "mit", _REPRESENT),
    TextModel("BAAI/bge-base-en-v1.5", 768, "mit", _REPRESENT),
    TextModel("BAAI/bge-large-en-v1.5", 1024, "mit", _REPRESENT),
    TextModel("BAAI/bge-small-zh-v1.5", 512, "mit", _REPRESENT_ZH),
    TextModel("Qwen/Qwen3-Embedding-0.6B", 1024, "apache-2.0", _INSTRUCT),
    TextModel("Qwen/Qwen3-Embedding-0.6B-Q", 1024, "apache-2.0", _INSTRUCT),
    TextModel("ibm-granite/granite-embedding-small-english-r2", 384, "apache-2.0"),
    TextModel("intfloat/multilingual-e5-large", 1024, "mit", "query: ", "passage: "),
    TextModel("jinaai/jina-embeddings-v2-small-en", 512, "apache-2.0"),
    TextModel("jinaai/jina-embeddings-v2-base-en", 768, "apache-2.0"),
    TextModel("jinaai/jina-embeddings-v2-base-de", 768, "apache-2.0"),
    TextModel("jinaai/jina-embeddings-v2-base-es", 768, "apache-2.0"),
    TextModel("jinaai/jina-embeddings-v2-base-zh", 768, "apache-2.0"),
    TextModel("jinaai/jina-embeddings-v2-base-code", 768, "apache-2.0"),
    TextModel("minishlab/potion-base-8M", 256, "mit"),
    TextModel("minishlab/potion-retrieval-32M", 512, "mit"),
    TextModel("minishlab/potion-multilingual-128M", 256, "mit"),
    TextModel("mixedbread-ai/mxbai-embed-large-v1", 1024, "apache-2.0", _REPRESENT),
    _NOMIC,
    _NOMIC_Q,
    TextModel("sentence-transformers/all-MiniLM-L6-v2", 384, "apache-2.0"),
    TextModel("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", 384, "apache-2.0"),
    TextModel("sentence-transformers/paraphrase-multilingual-mpnet-base-v2", 768, "apache-2.0"),
    TextModel("snowflake/snowflake-arctic-embed-s", 384, "apache-2.0", _REPRESENT),
    TextModel("snowflake/snowflake-arctic-embed-m", 768, "apache-2.0", _REPRESENT),
    TextModel("snowflake/snowflake-arctic-embed-l", 1024, "apache-2.0", _REPRESENT),
    TextModel("thenlper/gte-base", 768, "mit"),
    TextModel("thenlper/gte-large", 1024, "mit"),
)

PICTURE_MODELS = (
    PictureModel(
        "Qdrant/clip-ViT-B-32-vision",
        512,
        "mit",
        TextModel("Qdrant/clip-ViT-B-32-text", 512, "mit"),
    ),
    PictureModel(
        "google/siglip2-base-patch16-224",
        768,
        "apache-2.0",
        TextModel("google/siglip2-base-patch16-224", 768, "apache-2.0"),
    ),
    PictureModel(
        "jinaai/jina-clip-v1",
        768,
        "apache-2.0",
        TextModel("jinaai/jina-clip-v1", 768, "apache-2.0"),
    ),
    PictureModel("nomic-ai/nomic-embed-vision-v1.5", 768, "apache-2.0", _NOMIC),
    PictureModel("nomic-ai/nomic-embed-vision-v1.5-Q", 768, "apache-2.0", _NOMIC_Q),
    PictureModel("Qdrant/resnet50-onnx", 2048, "apache-2.0"),
    PictureModel("Qdrant/Unicom-ViT-B-16", 768, "mit"),
    PictureModel("Qdrant/Unicom-ViT-B-32", 512, "mit"),
)

#: Name and licence of each cross-encoder.
RERANK_MODELS = {
    "Xenova/ms-marco-MiniLM-L-6-v2": "apache-2.0",
    "Xenova/ms-marco-MiniLM-L-12-v2": "apache-2.0",
    "jinaai/jina-reranker-v1-tiny-en": "apache-2.0",
    "jinaai/jina-reranker-v1-turbo-en": "apache-2.0",
    "BAAI/bge-reranker-base": "mit",
    "BAAI/bge-reranker-v2-m3-int8": "apache-2.0",
    "BAAI/bge-reranker-v2-m3": "apache-2.0",
}


def text_model(name: str) -> TextModel:
    """Raises ValueError, which names near ones, for a name that is not listed."""
    for model in TEXT_MODELS:
        if model.name == name:
            return model
    raise _unknown("text", (model.name for model in TEXT_MODELS), name)


def picture_model(name: str) -> PictureModel:
    """Raises ValueError, which names near ones, for a name that is not listed."""
    for model in PICTURE_MODELS:
        if model.name == name:
            return model
    raise _unknown("picture", (model.name for model in PICTURE_MODELS), name)


def _unknown(kind: str, names: Iterable[str], name: str) -> ValueError:
    meant = " or ".join(near(name, names))
    told = f"did you mean {meant}" if meant else "docs/models.md lists them"
    return ValueError(f"it must be a known {kind} model ({told})")
