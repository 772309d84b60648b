-- Segments are numbered as they arrive, so that no index has to tell their order.
DROP INDEX segment_by_arrival;
