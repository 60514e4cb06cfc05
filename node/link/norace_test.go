//go:build !race

package link

const poolsForget = false
