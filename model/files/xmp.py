"""The XMP packet of a coloured picture: that its colours are a machine's, and which; what was in it stays.

Says `Iptc4xmpExt:DigitalSourceType`, which programs for archives and newsrooms show, and in a namespace of its own what
was done with which model.
"""

import re
import xml.etree.ElementTree as ElementTree

STATEMENT = "automatically coloured"
NAMESPACE = "urn:tintmill:xmp:1.0/"
# A real photograph of which a trained model made a part: its colours.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP, _DC, _TIFF = "http://ns.adobe.com/xap/1.0/", "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/tiff/1.0/"
_IPTC, _NOTE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "http://ns.adobe.com/xmp/note/"
_META, _XML = "adobe:ns:meta/", "http://www.w3.org/XML/1998/namespace"
_PREFIXES = {
    "rdf": _RDF,
    "x": _META,
    "xmp": _XMP,
    "dc": _DC,
    "tiff": _TIFF,
    "Iptc4xmpExt": _IPTC,
    "tintmill": NAMESPACE,
}
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0


def packet(provenance: dict[str, str], existing: bytes | None = None) -> bytes:
    """An XMP packet.

    Args:
      provenance: what else is said, by names that XML takes.
      existing: the packet of the source picture. It stays, but for the orientation, the type of the source and what an
        earlier colouring said; its description and its creator's tool are kept. One that cannot be read is left out.
    """
    tree = _read(existing) if existing else None
    tree = _empty() if tree is None else tree
    rdf = tree.find(f".//{{{_RDF}}}RDF")
    for description in rdf.findall(f"{{{_RDF}}}Description"):
        _remove(description, (f"{{{_TIFF}}}Orientation", f"{{{_IPTC}}}DigitalSourceType", f"{{{_NOTE}}}HasExtendedXMP"))
        _remove(description, [name for name in _names(description) if name.startswith(f"{{{NAMESPACE}}}")])
    taken = {name for description in rdf for name in _names(description)}
    _describe(rdf, provenance, taken)
    return _write(tree)


def _describe(rdf, provenance: dict[str, str], taken: set[str]) -> None:
    ours = ElementTree.SubElement(rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    values = {f"{{{_IPTC}}}DigitalSourceType": SOURCE_TYPE, f"{{{NAMESPACE}}}statement": STATEMENT}
    values |= {f"{{{NAMESPACE}}}{name}": value for name, value in provenance.items()}
    if f"{{{_XMP}}}CreatorTool" not in taken:
        values[f"{{{_XMP}}}CreatorTool"] = "Tintmill"
    for name, value in values.items():
        ElementTree.SubElement(ours, name).text = _ILLEGAL.sub("", value)
    if f"{{{_DC}}}description" not in taken:
        choices = ElementTree.SubElement(ElementTree.SubElement(ours, f"{{{_DC}}}description"), f"{{{_RDF}}}Alt")
        text = ElementTree.SubElement(choices, f"{{{_RDF}}}li", {f"{{{_XML}}}lang": "x-default"})
        text.text = STATEMENT.capitalize()


def _names(description) -> list[str]:
    return [*description.attrib, *(child.tag for child in description)]


def _remove(description, names) -> None:
    for name in names:
        description.attrib.pop(name, None)
        for child in description.findall(name):
            description.remove(child)


def _read(existing: bytes):
    """The tree of a packet; None where it is none. Entities are refused: XMP has none, and they can explode."""
    if b"<!DOCTYPE" in existing or b"<!ENTITY" in existing:
        return None
    try:
        tree = ElementTree.fromstring(existing.strip(b"\0 \n\r\t\xef\xbb\xbf"))
    except (ElementTree.ParseError, ValueError, LookupError):  # of an unknown encoding
        return None
    return tree if tree.find(f".//{{{_RDF}}}RDF") is not None else None


def _empty():
    tree = ElementTree.Element(f"{{{_META}}}xmpmeta")
    ElementTree.SubElement(tree, f"{{{_RDF}}}RDF")
    return tree


def _write(tree) -> bytes:
    for prefix, uri in _PREFIXES.items():
        ElementTree.register_namespace(prefix, uri)
    body = ElementTree.tostring(tree, encoding="utf-8")
    begin = "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>\n".encode()
    return begin + body + b"\n<?xpacket end='w'?>"
