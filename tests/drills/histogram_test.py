#!/usr/bin/env python3
"""A histogram that tells another p99 than clients saw."""
import unittest

import alerts
import histogram

ROW = 'http_request_duration_seconds_bucket{{method="GET",route="/v1/messages/{{id}}",status="{}",le="{}"}} {}'


def scrape(status, *counts):
    bounds = ("0.005", "0.01", "0.025", "0.05", "+Inf")
    return alerts.parse("\n".join(ROW.format(status, bound, count) for bound, count in zip(bounds, counts)))


class Apart(unittest.TestCase):
    def test_the_bucket_that_clients_saw_too(self):
        self.assertEqual(histogram.apart([scrape(200, 90, 100, 100, 100, 100)], [0.001] * 90 + [0.009] * 10), 0)

    def test_nodes_and_routes_are_one(self):
        both = [scrape(200, 500, 500, 500, 500, 500), {**scrape(202, 0, 0, 0, 9, 9), **scrape(200, 1, 1, 1, 1, 1)}]
        self.assertEqual(histogram.apart(both, [0.001] * 501 + [0.04] * 9), 0)

    def test_a_service_that_counts_from_too_late_on_is_seen(self):
        self.assertEqual(histogram.apart([scrape(200, 100, 100, 100, 100, 100)], [0.001] * 90 + [0.04] * 10), 3)
        self.assertEqual(histogram.apart([scrape(200, 90, 90, 90, 90, 100)], [0.001] * 90 + [0.04] * 10), 1)

    def test_what_was_refused_is_not_looked_at(self):
        self.assertEqual(histogram.apart([{**scrape(200, 10, 10, 10, 10, 10), **scrape(503, 0, 0, 0, 0, 90)}], [0.001] * 10), 0)

    def test_without_answers_there_is_nothing_to_compare(self):
        self.assertIsNone(histogram.apart([{}], [0.1]))
        self.assertIsNone(histogram.apart([scrape(200, 1, 1, 1, 1, 1)], []))


if __name__ == "__main__":
    unittest.main()
