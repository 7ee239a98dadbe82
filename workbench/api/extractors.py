"""Extractors: what is installed and what each makes."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from starlette.responses import Response

from workbench.api.requests import ServicesOf, answer
from workbench.domain.wire import ExtractorOut, FeatureOut, Page
from workbench.extraction.contract import ExtractorSpec, Parameters
from workbench.extraction.registry import outputs_for

router = APIRouter(prefix="/extractors", tags=["extractors"])


@router.get("", response_model=Page[ExtractorOut])
def list_extractors(services: ServicesOf) -> Response:
    """All of them, by name, on one page. They are the same in every namespace."""
    specs = sorted(services.extractors.specs(), key=lambda spec: (spec.name, spec.version))
    return answer(Page[ExtractorOut](results=[_out(spec) for spec in specs]))


@router.get("/{name}", response_model=ExtractorOut)
def get_extractor(name: str, services: ServicesOf) -> Response:
    """``text@1``, or ``text`` for its newest version."""
    return answer(_out(services.extractors.get(name).spec))


def features_of(spec: ExtractorSpec, parameters: Parameters) -> list[FeatureOut]:
    """What is searched by, with these parameters."""
    return [
        FeatureOut(
            address=spec.address(output.name),
            name=output.name,
            dimension=output.dimension,
            distance=output.distance,
            model=output.model,
            queries=sorted(output.queries),
        )
        for output in outputs_for(spec, parameters)
    ]


def _out(spec: ExtractorSpec) -> ExtractorOut:
    return ExtractorOut(
        name=spec.name,
        version=spec.version,
        description=spec.description,
        accepts=list(spec.accepts),
        default=spec.default,
        isolated=spec.isolated,
        parameters=spec.parameters.model_json_schema(),
        features=features_of(spec, spec.parameters()),
        fields=dict(spec.fields),
        resources=asdict(spec.resources),
    )
