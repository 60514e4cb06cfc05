//go:build race

package link

// The race detector makes pools forget things at random.
const poolsForget = true
