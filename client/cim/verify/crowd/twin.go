package crowd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// twinTime is how long a twin may take to connect, and how long it may live on once
// the device is back.
const twinTime = 30 * time.Second

// Twin has a second client come under the device's name, which shows nothing, and
// returns what ends that: it starts the device again, which displaces the twin, and
// fails if the twin is not told.
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
		connected <- err
	}()
	return func(ctx context.Context) error {
		defer cancel()
		err := <-connected
		connected <- err
		if err := errors.Join(d.Kill(), d.Start(ctx)); err != nil {
			return err
		}
		if err != nil {
			d.twins.Add(-1)
			return nil // it never came
		}
		return d.outlive(ctx, twin)
	}
}

// outlive waits until the twin was told that it is displaced, and ends it.
func (d *Device) outlive(ctx context.Context, twin *client.Client) error {
	defer d.twins.Add(-1)
	defer twin.Close()
	ctx, cancel := context.WithTimeout(ctx, twinTime)
	defer cancel()
	for event := range twin.Events(ctx) {
		if stopped, ok := event.(client.Stopped); ok {
			if displaced(stopped.Err) {
				return nil
			}
			return fmt.Errorf("the twin of %v: %w", d, stopped.Err)
		}
	}
	return fmt.Errorf("the twin of %v was not displaced within %v", d, twinTime)
}

func displaced(err error) bool {
	var why *proto.Error
	return errors.As(err, &why) && why.Code == proto.Replaced
}
