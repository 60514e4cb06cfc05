//go:build !unix

package config

import "time"

func processorTime() (time.Duration, bool) { return 0, false }
