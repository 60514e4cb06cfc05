package crowd

import (
	"bytes"
	"fmt"
	"os"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// PowerCut kills the device's process. It removes the given number of bytes from the end
// of the history file, as if they had been written and not synced. The first line stays,
// because it was written long ago.
func (d *Device) PowerCut(lost int64) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	if err := d.kill(); err != nil {
		return err
	}
	text, err := os.ReadFile(d.path)
	if err != nil {
		return fmt.Errorf("cut power of %v: %w", d, err)
	}
	first := int64(bytes.IndexByte(text, '\n') + 1)
	if err := os.Truncate(d.path, max(first, int64(len(text))-lost)); err != nil {
		return fmt.Errorf("cut power of %v: %w", d, err)
	}
	d.ledger.Write(ledger.Record{Kind: ledger.Forgot, User: d.user, Device: d.device})
	return nil
}
