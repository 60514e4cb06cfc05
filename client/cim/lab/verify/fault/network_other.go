//go:build !linux

package fault

import (
	"context"
	"errors"
	"io"
)

var errLinux = errors.New("a network of its own needs Linux")

// OwnNetwork returns an error, because only Linux has such networks.
func OwnNetwork(context.Context) error { return errLinux }

func ip(context.Context, ...string) error { return errLinux }

func openLink(context.Context) (io.ReadWriteCloser, error) { return nil, errLinux }
