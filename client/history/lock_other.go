//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package history

import "os"

// openAlone opens the file without a lock: these systems have none that a crash
// would release.
func openAlone(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
