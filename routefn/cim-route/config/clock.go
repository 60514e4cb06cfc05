package config

import (
	"os"
	"strings"
	"time"
)

// clockFile is the variable that names the file of a wrong clock. It is for tests
// alone: cim verify sets it for the nodes and routes that it starts.
const clockFile = "CIM_TEST_CLOCK"

// Clock returns the clock that a program tells the time of day by: the machine's.
// Where CIM_TEST_CLOCK names a file it is wrong by the duration in there, such as
// -150s, which is read each time, so that the clock can jump; a file that cannot be
// read is no difference.
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
