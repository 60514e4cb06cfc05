package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cim-go/cim/proto"
)

// DeviceSession is the session of one device of the user.
type DeviceSession = proto.DeviceSession

// Sessions returns the sessions of the user's devices, this device included. Connected
// devices come first, and then the devices by their latest login, newest first.
func (c *Client) Sessions(ctx context.Context) ([]DeviceSession, error) {
	var out proto.SessionsAnswer
	if err := c.account.call(ctx, http.MethodGet, proto.PathSessions, nil, &out); err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return out.Sessions, nil
}

// EndSession ends the session of a device of the user. When it returns, the device's token
// is invalid. The device's connection is closed with the code proto.SessionEnded. A
// program on that device that knows the password can log in again. To prevent that, change
// the password. If the device has no session, or its session has ended already, nothing
// changes.
func (c *Client) EndSession(ctx context.Context, device string) error {
	return c.endSessions(ctx, proto.EndSessions{Device: device})
}

// EndOtherSessions does what EndSession does for all devices but this one.
func (c *Client) EndOtherSessions(ctx context.Context) error {
	return c.endSessions(ctx, proto.EndSessions{Others: true})
}

// EndAllSessions does what EndSession does for all devices. The client stops, because its
// own session has ended.
func (c *Client) EndAllSessions(ctx context.Context) error {
	return c.endSessions(ctx, proto.EndSessions{All: true})
}

func (c *Client) endSessions(ctx context.Context, in proto.EndSessions) error {
	var out proto.EndSessionsAnswer
	if err := c.account.call(ctx, http.MethodPost, proto.PathSessionsEnd, in, &out); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}
