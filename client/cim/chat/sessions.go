package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cim-go/cim/client"
)

// sessions lists the user's devices that are logged in.
func (c *chat) sessions(ctx context.Context, _ string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	list, err := c.cfg.Client.Sessions(ctx)
	if err != nil {
		c.screen.print(failed("list your sessions", err))
		return nil
	}
	lines := make([]string, 0, len(list))
	for _, s := range list {
		lines = append(lines, c.session(s))
	}
	c.screen.print(strings.Join(lines, "\n"))
	return nil
}

// session returns the line for a session in the list.
func (c *chat) session(s client.DeviceSession) string {
	state := "never connected"
	switch {
	case s.Connected:
		state = "connected since " + c.moment(s.Since)
	case s.Since != 0:
		state = "not connected since " + c.moment(s.Since)
	}
	from := ""
	if s.Network != "" {
		from = " from " + CleanLine(s.Network)
	}
	own := ""
	if s.Own {
		own = " (this one)"
	}
	return fmt.Sprintf("%-24s %s, logged in %s%s%s", CleanLine(s.Device), state, c.moment(s.Login), from, own)
}

func (c *chat) moment(ms int64) string {
	return time.UnixMilli(ms).In(c.cfg.Zone).Format("2006-01-02 15:04")
}

// end ends the session of a device, or the sessions of all other devices.
func (c *chat) end(ctx context.Context, device string) error {
	if device == "" {
		c.screen.print("! type :end <device> or :end others. :sessions lists your devices.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	list, err := c.cfg.Client.Sessions(ctx)
	if err != nil {
		c.screen.print(failed("list your sessions", err))
		return nil
	}
	there := slices.ContainsFunc(list, func(s client.DeviceSession) bool { return s.Device == device })
	switch {
	case there:
		err = c.cfg.Client.EndSession(ctx, device)
	case device == "others":
		err = c.cfg.Client.EndOtherSessions(ctx)
	default:
		c.screen.print("! no device " + CleanLine(device) + " is logged in. :sessions lists your devices.")
		return nil
	}
	if err != nil {
		c.screen.print(failed("end it", err))
		return nil
	}
	c.screen.print("Ended. It must log in again to come back.")
	return nil
}
