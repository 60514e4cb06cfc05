// Package storecheck notices when the store has lost data because it came back empty,
// or in an older state. It also keeps the route's keys equal to the keys in the store,
// which all routes share.
//
// A function runs only while it serves requests. So a Checker looks at the store beside
// requests, once a second. If the store has lost the route key, a look puts it back. If
// another route has stored another key, the route uses that one from then on. The first
// route that finds a loss calls Config.OnLoss. For 35 s after a loss, [Checker.Certain]
// is false.
//
// Goroutines: each look has one, and the request beside which the look runs waits for
// it. Locks: while Checker.mu is held, only the issuer's keys are set.
package storecheck
