"""How long replies take, in buckets."""

from __future__ import annotations

from neasmart.diagnosis.histogram import REPLY_ENDS_S, Histogram, Histograms


def test_a_duration_belongs_to_the_first_bucket_that_is_not_shorter() -> None:
    histogram = Histogram((0.1, 0.5, 1.0))

    for duration_s in (0.05, 0.1, 0.3, 0.5, 0.9, 1.5, 2.0):
        histogram.observe(duration_s)

    assert histogram.buckets == [2, 2, 1, 2]
    assert list(histogram.cumulated) == [("0.1", 2), ("0.5", 4), ("1.0", 5), ("+Inf", 7)]
    assert round(histogram.total_s, 6) == 5.35


def test_each_unit_id_has_its_own() -> None:
    histograms = Histograms()

    histograms.observe(240, 0.002)
    histograms.observe(240, 0.004)
    histograms.observe(241, 0.2)

    assert {unit_id: sum(each.buckets) for unit_id, each in histograms.items()} == {240: 2, 241: 1}
    assert histograms[240].total_s == 0.006
    assert histograms[241].buckets[-1] == 1


def test_the_ends_rise_and_reach_from_microseconds_to_what_is_far_too_late() -> None:
    ends = [float(end) for end, _ in Histogram(REPLY_ENDS_S).cumulated]

    assert ends == sorted(set(ends))
    assert (REPLY_ENDS_S[0], REPLY_ENDS_S[-1]) == (50e-6, 0.05)
