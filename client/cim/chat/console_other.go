//go:build !windows

package chat

// styled does nothing, because terminals obey escape sequences by default.
func styled(int) (restore func(), err error) { return func() {}, nil }
