// Package admission decides whether a route takes one more request now or tells
// it to come back later.
//
// It bounds what is in flight, not what comes: a request that is refused costs
// nothing but its answer, one that is let in costs memory and a share of the
// store until it leaves. What was refused comes again, and a node that is refused
// does not read from its senders.
//
// # How many
//
// The limit follows the store's answer time. Ten times a second, while there are
// answers, it is looked at how many came within the target:
//
//   - Half of them or more: the limit grows by a step, if there was use for it. One
//     that nobody reaches says nothing about the store (the reason is that of
//     congestion window validation, RFC 7661). Until the store is late for the first
//     time the limit begins low and doubles (slow start, RFC 5681).
//   - Fewer than half: there is a queue in front of the store that does
//     not go away, which one slow answer does not show (RFC 8289, CoDel, judges by
//     the delay that stays for the same reason). Then the limit becomes what keeps
//     the store just busy. By Little's law, L = λW (J. D. C. Little, 1961), requests
//     that leave at the rate λ and take W each are L at a time; the store, being
//     busy, does not do more than λ, so that W is the target if λ times the target
//     are let in. A tenth less lets the queue drain.
//
// So one look brings the limit from anywhere to where it belongs. Several routes
// on one store settle in the same way, without knowing of each other: each takes
// what the store does for it.
//
// # Who first
//
// Of the limit, each class has more than the one below it (trunk reservation, as
// telephony calls it): what may be put off is refused first, what keeps the
// cluster true is refused only at the absolute maximum, of which an eighth is
// kept for it. The names of the classes are those of B. Beyer et al., Site
// Reliability Engineering, chapter 21.
//
// So those who are connected are served first, then logins, then old pages of logs.
//
// # Whose turn
//
// After an outage everybody logs in at once, and has much to read. Of those who are
// refused at random some are refused for ever, and the store idles while all are away.
// So logins and old pages wait in line, as many as may be in flight at most. Who
// waited in vain is told when to come again, each another time, at one and a half
// times the rate at which the class was served in the latest seconds: nobody waits
// because of a low guess, and who comes too early waits in line, before those who were
// refused less often. So a client is told to come again once or twice, however many
// there are.
//
// A Limiter has no goroutine. A request in line has a timer.
package admission
