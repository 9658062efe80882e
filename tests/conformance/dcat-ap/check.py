"""What strangers make of a node's catalogue: pyshacl with the official shapes, rdflib, and CKAN's own parser.

    check.py ASKED.json

The file says where the documents and the shapes are and what stands in the catalogue. Every check prints one line,
`passed<TAB>name` or `FAILED<TAB>name<TAB>why`; cargo xtask conformance dcat-ap knows which lines there must be.
"""

import json
import sys
from pathlib import Path

from pyshacl import validate
from rdflib import Graph, Literal, Namespace
from rdflib.compare import to_canonical_graph
from rdflib.namespace import DCTERMS, FOAF, RDF, SH, SKOS

DCAT = Namespace("http://www.w3.org/ns/dcat#")
SCHEMA = Namespace("http://schema.org/")
SHAPES = [
    "dcat-ap-SHACL.ttl",
    "ranges.ttl",
    "shapes.ttl",
    "range.ttl",
    "mdr-vocabularies.shape.ttl",
]


def say(name, why=None):
    """One check's line; `why` it failed, or nothing."""
    text = " ".join(str(why).split()) if why else ""
    print(f"FAILED\t{name}\t{text}" if why else f"passed\t{name}", flush=True)


def shapes_in(file):
    """The shapes of a file. Two of the official ones list property shapes that no file defines; pyshacl refuses
    such a list, so those members of it are left out, and how many there were is said."""
    shapes = Graph().parse(file)
    undefined = [it for it in shapes.subject_objects(SH.property) if (it[1], SH.path, None) not in shapes]
    for shape, part in undefined:
        shapes.remove((shape, SH.property, part))
    if undefined:
        print(f"  {file.name} lists {len(undefined)} property shapes that it does not define; they were left out")
    return shapes


def results(data, shapes):
    """What the shapes say of the data, as (severity, node, path, message), worst first."""
    _, report, _ = validate(data, shacl_graph=shapes, allow_warnings=False, advanced=True)
    found = []
    # What explains a result stands in the report too, as a result of its own; only the report's own count.
    for result in report.objects(None, SH.result):
        value = lambda what: str(report.value(result, what) or "")
        severity = value(SH.resultSeverity).rsplit("#", 1)[-1]
        found.append((severity, value(SH.focusNode), value(SH.resultPath), value(SH.resultMessage)))
    return sorted(found, key=lambda it: (it[0] != "Violation", it))


def shapes_hold(graph, folder, about):
    for name in SHAPES:
        shapes = shapes_in(folder / name)
        found = results(graph, shapes)
        violations = [it for it in found if it[0] == "Violation"]
        for severity, node, path, message in violations:
            print(f"  {severity}: {node} {path}: {' '.join(message.split())[:300]}")
        others = len(found) - len(violations)
        if others:
            print(f"  {others} results of {name} below a violation")
        say(f"{about}: {name}", f"{len(violations)} violations" if violations else None)


def shapes_can_fail(graph, folder):
    """Each file of shapes finds what was broken for it; otherwise its silence above would mean nothing."""
    dataset = graph.value(predicate=RDF.type, object=DCAT.Dataset)
    distribution = graph.value(dataset, DCAT.distribution)
    some_format = next(graph.objects(None, DCTERMS.format))
    breaks = {
        "dcat-ap-SHACL.ttl": lambda bad: bad.remove((dataset, DCTERMS.title, None)),
        "ranges.ttl": lambda bad: bad.remove((None, RDF.type, FOAF.Agent)),
        "shapes.ttl": lambda bad: bad.remove((distribution, DCAT.accessURL, None)),
        "range.ttl": lambda bad: bad.remove((None, RDF.type, FOAF.Agent)),
        "mdr-vocabularies.shape.ttl": lambda bad: bad.remove((some_format, SKOS.inScheme, None)),
    }
    for name in SHAPES:
        shapes = shapes_in(folder / name)
        before = len(results(graph, shapes))
        bad = Graph()
        bad += graph
        breaks[name](bad)
        after = len(results(bad, shapes))
        say(f"broken: {name}", None if after > before else "a broken document passed")


def deprecated(graph, folder):
    """What of the graph stands in deprecateduris.ttl, whose shapes name properties but constrain nothing."""
    shapes = Graph().parse(folder / "deprecateduris.ttl")
    for shape, target in shapes.subject_objects(SH.targetClass):
        paths = [shapes.value(part, SH.path) for part in shapes.objects(shape, SH.property)]
        for node in graph.subjects(RDF.type, target):
            yield from (f"{node} {path}" for path in paths if (node, path, None) in graph)


def nothing_deprecated(graph, folder):
    used = list(deprecated(graph, folder))
    say("shapes: deprecateduris.ttl", "; ".join(used))
    period = next(graph.subjects(RDF.type, DCTERMS.PeriodOfTime))
    bad = graph + Graph().add((period, SCHEMA.startDate, Literal("2026-01-01")))
    say("broken: deprecateduris.ttl", None if list(deprecated(bad, folder)) else "a broken document passed")


def alike(one, other):
    """Whether two graphs are one, blank nodes by their place. rdflib's own `isomorphic` also tells languages apart
    by the case of their letters, which RDF does not (RDF 1.1 Concepts, 3.3)."""
    return set(to_canonical_graph(one)) == set(to_canonical_graph(other))


def same(one, other, name):
    if alike(one, other):
        return say(name)
    first, second = set(to_canonical_graph(one)), set(to_canonical_graph(other))
    for triples, which in ((first - second, "first"), (second - first, "second")):
        for triple in sorted(triples)[:20]:
            print(f"  only in the {which}: {triple}")
    say(name, f"{len(first - second)} and {len(second - first)} triples stand in one only")


def nothing_lost(asked, graph):
    """What a steward has taken in from elsewhere comes out again, triple for triple, blank nodes by their place."""
    everything = Graph().parse(asked["before"], format="turtle")
    root = everything.value(predicate=RDF.type, object=DCAT.Catalog)
    for given in asked["foreign"]:
        read = Graph().parse(given["file"], format=given["form"])
        same(read, Graph().parse(given["export"], format="nt"), f"elsewhere {given['form']}: exported whole")
        everything += read
        for dataset in read.subjects(RDF.type, DCAT.Dataset):
            everything.add((root, DCAT.dataset, dataset))
    same(everything, graph, "elsewhere: printed whole beside our own")
    less = Graph()
    less += graph
    less.remove((next(less.subjects(None, Literal("resin"))), None, Literal("resin")))
    say("broken: a triple that was lost", "taken for the same" if alike(everything, less) else None)


def ckan_reads(text, form, expected):
    from ckanext.dcat.processors import RDFParser

    parser = RDFParser(profiles=["euro_dcat_ap_3"])
    parser.parse(text, _format=form)
    read = {}
    for dataset in parser.datasets():
        extras = {extra["key"]: extra["value"] for extra in dataset.get("extras", [])}
        read[dataset["title"]] = {
            "resources": len(dataset["resources"]),
            "publisher": extras.get("publisher_name"),
            "tags": sorted(tag["name"] for tag in dataset["tags"]),
            "rights": extras.get("access_rights", "").rsplit("/", 1)[-1],
        }
    for title, wanted in expected.items():
        found = read.get(title)
        right = found is not None and all(found[key] == value for key, value in wanted.items())
        say(f"ckan {form}: {title}", None if right else f"CKAN reads {found} instead of {wanted}")
    more = sorted(set(read) - set(expected))
    say(f"ckan {form}: nothing else", f"CKAN also reads {more}" if more else None)


def main():
    asked = json.loads(Path(sys.argv[1]).read_text())
    turtle, json_ld = (Path(asked[key]).read_text() for key in ("turtle", "json_ld"))
    graph = Graph().parse(data=turtle, format="turtle")
    same(graph, Graph().parse(data=json_ld, format="json-ld"), "both forms are one graph")
    less = Graph().parse(data=turtle, format="turtle")
    less.remove((None, DCTERMS.publisher, None))
    say("broken: a graph with less", "taken for the same" if alike(graph, less) else None)
    nothing_lost(asked, graph)
    if asked["shapes"]:
        folder = Path(asked["shapes"])
        shapes_hold(graph, folder, "shapes")
        shapes_can_fail(graph, folder)
        nothing_deprecated(graph, folder)
    ckan_reads(turtle, "turtle", asked["expected"])
    ckan_reads(json_ld, "json-ld", asked["expected"])


main()
