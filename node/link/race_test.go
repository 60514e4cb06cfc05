//go:build race

package link

// Under the race detector, pools drop objects at random.
const poolsForget = true
