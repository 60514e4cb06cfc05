// Package metrics has the metrics of a route, for Prometheus. The frame (package
// routefn) counts requests. The parts of a route count by interfaces of their own,
// which Metrics implements: identity.Observer, push.Observer and delayed.Observer.
package metrics
