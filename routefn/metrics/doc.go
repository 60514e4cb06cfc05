// Package metrics has what a route counts and times for Prometheus. Metrics of requests
// are counted by the frame (package routefn). The parts of a route count by interfaces
// of their own, which Metrics implements: identity.Observer, push.Observer and
// delayed.Observer.
package metrics
