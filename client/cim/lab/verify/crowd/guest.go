package crowd

import "context"

// Guest is a device of the crowd that faults can hit. It runs the SDK or another kind of
// client. Its methods may be called concurrently.
type Guest interface {
	// String names the device, for people: user and device with a slash between.
	String() string
	// Who returns the user and the device name in the ledger.
	Who() (user int64, device string)
	// Restartable reports whether the device may be killed and started again.
	Restartable() bool
	// Start starts its process and returns when it is connected, or ctx ends. Kill ends
	// the process as a crash does; if the process does not run, Kill does nothing.
	Start(ctx context.Context) error
	Kill() error
	// Cut closes the connection of the device. Tear breaks it in the middle of the next
	// frame, and Mute makes it lose everything. Slow makes the device read slowly or not
	// at all.
	Cut()
	Tear()
	Mute()
	Slow(bool)
}
