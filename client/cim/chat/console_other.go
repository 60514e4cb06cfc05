//go:build !windows

package chat

// styled has nothing to do: terminals obey escape sequences.
func styled(int) (restore func(), err error) { return func() {}, nil }
