// Package admission decides whether a route serves a request now or refuses it and tells
// the client when to retry.
//
// It bounds the number of requests in flight, not their rate. A refused request costs only
// its answer. An admitted request costs memory and a share of the store until it leaves.
// Clients retry refused requests, and a refused node stops reading from its senders.
//
// # The limit
//
// The algorithm is AIMD (D. Chiu and R. Jain, "Analysis of the Increase and Decrease
// Algorithms for Congestion Avoidance in Computer Networks", 1989) with one difference.
// The decrease does not halve the limit. It sets the limit to a measured rate times a
// delay, as TCP Westwood does (S. Mascolo et al., "TCP Westwood: Bandwidth Estimation for
// Enhanced Transport over Wireless Links", 2001).
//
// The signal is the store's answer time. Every 100 ms, if there were answers, the Limiter
// counts those that took longer than the target:
//
//   - If half of the answers or more are in time, the limit grows by a step, provided
//     that more than half of it was used. An unused limit says nothing about the store
//     (congestion window validation, RFC 7661). Until most answers are late for the first
//     time, the limit begins low and doubles (slow start, RFC 5681).
//   - If fewer than half are in time, there is a standing queue in front of the store. A
//     single slow answer does not prove such a queue. CoDel (RFC 8289), too, looks only at
//     a delay that persists. Then the limit becomes 0.9 λ·target, where λ is the rate of
//     requests that leave. Little's law (J. D. C. Little, 1961) says L = λW. If λ requests
//     per second take the time W each, L of them are in flight. The store is busy, so it
//     does not serve more than λ requests per second. With λ·target requests in flight,
//     each of them takes as long as the target. The factor 0.9 lets the queue drain.
//
// So one decrease sets the right limit, however wrong the limit was before. Several routes
// with one store find their limits in the same way, without knowing of each other. Each
// limit follows the rate at which the store serves that route.
//
// # Classes
//
// Each class may use more of the limit than the class below it (trunk reservation, as
// in telephony). So requests that can be delayed are refused first. Requests that keep
// the cluster consistent are refused only at the absolute maximum, and an eighth of
// that maximum is reserved for them. The names of the classes are those of B. Beyer et
// al., Site Reliability Engineering, chapter 21.
//
// So requests of connected clients are served first, then logins, and then requests for
// old pages of logs. In this package, a request of the last kind is called an old page.
//
// # Order
//
// After an outage all clients log in at once, and have much to read. If a route refused
// requests at random, it would refuse some of them for ever, and the store would idle
// while all clients wait. So logins and old pages wait in a queue. The queue has room for
// as many requests as may be in flight at most.
//
// If a request waits in vain, it gets a time at which to retry. No two requests get the
// same time. The times follow each other at one and a half times the rate at which
// requests of the class were served in the latest seconds. So the store does not idle if
// that rate was estimated too low. A request that comes too early waits in the queue,
// before requests that were refused less often. So a client retries once or twice, even if
// there are very many clients.
//
// Messages of CIM's clients wait, too, because these clients do not retry. They wait only
// for a short time, and may fill at most a quarter of the queue.
//
// # Logins in progress
//
// After a login a client opens its connection. The node reports such openings together, in
// one request that makes many calls to the store. Each opening takes the place of one
// login or old page.
//
// While the store is so slow that the limit is at its minimum, no login and no old page is
// admitted beside a report. Between two reports, the number of admitted logins and old
// pages is little higher than the number of openings in the first report. The reason is
// that a report calls the store several times in sequence, and that each call waits behind
// all other requests. If more logins were admitted, the openings of some would take longer
// than their clients wait.
//
// After a loss, several nodes may report all their sessions, without a pause between
// two reports. After four seconds of such reports, logins are admitted beside them.
//
// A Limiter has no goroutine. A request in the queue has a timer.
package admission
