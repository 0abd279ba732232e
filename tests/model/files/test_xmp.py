"""The XMP packet: it says that the colours are a machine's, and loses nothing that was said before."""

import xml.etree.ElementTree as ElementTree

import pytest

from tintmill.model.files import xmp

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
OLD = """<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:Credit="Archive"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmp:CreatorTool="Scanner">
<e:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm</e:DigitalSourceType>
<dc:description xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Alt><rdf:li xml:lang="x-default">A harbour &amp; ships
</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>
                  <?xpacket end='w'?>""".encode()


def properties(packet: bytes) -> dict[str, list[str]]:
    """All properties by their name without namespace, whichever of the two forms they have."""
    found = {}
    for description in ElementTree.fromstring(packet.lstrip(b"\xef\xbb\xbf")).iter(f"{RDF}Description"):
        for name, value in description.attrib.items():
            found.setdefault(name.partition("}")[2], []).append(value)
        for child in description:
            found.setdefault(child.tag.partition("}")[2], []).append("".join(child.itertext()).strip())
    return found


def test_a_packet_says_automatically_coloured_by_what():
    found = properties(xmp.packet({"model": "tint", "model_sha256": "0" * 64, "settings": "chroma 1 & <T> 0.38"}))
    assert found["statement"] == ["automatically coloured"]
    assert found["description"] == ["Automatically coloured"]
    assert found["CreatorTool"] == ["Tintmill"]
    assert found["DigitalSourceType"][0].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert (found["model"], found["model_sha256"]) == (["tint"], ["0" * 64])
    assert found["settings"] == ["chroma 1 & <T> 0.38"]


def test_what_was_said_before_stays_but_for_what_is_no_longer_true():
    found = properties(xmp.packet({"model": "tint"}, OLD))
    assert found["Credit"] == ["Archive"]
    assert found["description"] == ["A harbour & ships"]
    assert found["CreatorTool"] == ["Scanner"]
    assert "Orientation" not in found
    assert len(found["DigitalSourceType"]) == 1
    assert found["DigitalSourceType"][0].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert found["model"] == ["tint"]


def test_coloured_again_it_names_the_last_model_alone():
    found = properties(xmp.packet({"model": "second"}, xmp.packet({"model": "first", "settings": "old"}, OLD)))
    assert found["model"] == ["second"]
    assert "settings" not in found
    assert found["statement"] == ["automatically coloured"]


@pytest.mark.parametrize(
    "broken",
    [
        *(b"", b"\0\xff", b"<x>", b"<a/>", OLD[:300], b'<?xml version="1.0" encoding="no-such"?><a/>'),
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + OLD,
    ],
)
def test_a_packet_that_cannot_be_read_is_replaced(broken):
    assert properties(xmp.packet({"model": "tint"}, broken))["model"] == ["tint"]


def test_characters_that_xml_does_not_have_are_left_out():
    assert properties(xmp.packet({"model": "a\x00b\x1fc\ud800d"}))["model"] == ["abcd"]
