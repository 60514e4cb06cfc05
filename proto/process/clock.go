package process

import (
	"os"
	"strings"
	"time"
)

// clockFile is the environment variable with the file that makes the clock wrong. It is
// only for tests. cim verify sets it for the nodes and routes that it starts.
const clockFile = "CIM_TEST_CLOCK"

// Clock returns the clock from which a program reads the time of day. It is the
// machine's clock.
//
// If CIM_TEST_CLOCK names a file, the clock is wrong by the duration in that file,
// such as -150s. Each call reads the file, so a test can make the clock jump. If the
// file cannot be read, the clock is right.
func Clock() func() time.Time {
	path := os.Getenv(clockFile)
	if path == "" {
		return time.Now
	}
	return func() time.Time {
		text, _ := os.ReadFile(path)
		wrong, _ := time.ParseDuration(strings.TrimSpace(string(text)))
		return time.Now().Add(wrong)
	}
}
