package crowd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

const (
	// twinTime is how long a twin may take to connect.
	twinTime = 30 * time.Second
	// outliveTime is how long a twin may still run after the device is back. After that
	// time the device is started once more. Without this start, an unconnected twin could
	// connect later and displace the device.
	outliveTime = 10 * time.Second
)

// Twin starts a second client under the device's name, which records nothing. The returned
// function starts the device again, which displaces the twin. If the twin does not notice
// in time that it is displaced, the function returns an error, and may be called again.
func (d *Device) Twin(ctx context.Context) (end func(context.Context) error) {
	d.twins.Add(1)
	config := d.config
	config.Dial, config.History = nil, nil
	var twin *client.Client
	connected := make(chan error, 1)
	connecting, cancel := context.WithTimeout(ctx, twinTime)
	go func() {
		var err error
		twin, err = client.Connect(connecting, config)
		cancel()
		connected <- err
	}()
	return func(ctx context.Context) error {
		failed := <-connected
		connected <- failed
		if err := errors.Join(d.Kill(), d.Start(ctx)); err != nil {
			return err
		}
		if failed == nil {
			if err := d.outlive(ctx, twin); err != nil {
				return err
			}
			twin.Close() // its error is always nil
		}
		d.twins.Add(-1)
		return nil
	}
}

// outlive waits until the twin has noticed that it is displaced.
func (d *Device) outlive(ctx context.Context, twin *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, outliveTime)
	defer cancel()
	for twin.Err() == nil {
		if !retry.Sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("the twin of %v was not displaced within %v", d, outliveTime)
		}
	}
	if err := twin.Err(); !displaced(err) {
		return fmt.Errorf("the twin of %v: %w", d, err)
	}
	return nil
}

func displaced(err error) bool {
	var why *proto.Error
	return errors.As(err, &why) && why.Code == proto.Replaced
}
