// Package storecheck notices when the store has lost data, because it came back empty or
// older, and keeps the route's keys equal to the store's, which all routes share.
//
// A route has no time of its own, so a Checker looks at the store beside the requests
// that it serves, once a second. A look puts the route key back that the store lost, or
// takes over the one that another route stored. The first route that finds a loss calls
// Config.OnLoss. For 35 s after a loss nothing counts as certainly absent.
//
// Goroutines: one for the time of a look, and the request beside which it runs waits for
// it. Locks: Checker.mu, under which only the issuer's keys are set.
package storecheck
