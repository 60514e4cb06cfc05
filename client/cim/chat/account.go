package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// deleteAccount deletes the user's account, if the user has typed its name.
func (c *chat) deleteAccount(ctx context.Context, name string) error {
	if len(c.secrets) != len(deletePrompts) || name != c.cfg.Client.Self().Name {
		c.screen.print("! type " + deleteCommand + " and your own name, and then your password. Nothing was deleted.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	if err := c.cfg.Client.DeleteAccount(ctx, c.secrets[0]); err != nil {
		c.screen.print(failed("delete your account", err))
		return nil
	}
	c.screen.print("Deleted. Your devices are logged out. What you wrote to others stays with them.")
	return nil
}

// export writes the user's data to a new file, which only the user may read. It removes a
// file that is not complete.
func (c *chat) export(ctx context.Context, path string) error {
	if path == "" {
		c.screen.print("! type :export and the name of a new file.")
		return nil
	}
	slow := time.AfterFunc(slowSend, func() {
		c.screen.print(c.screen.dim("* your data are being written; what you type waits until then"))
	})
	defer slow.Stop()
	size, err := c.exportTo(ctx, path)
	switch {
	case errors.Is(err, fs.ErrExist):
		c.screen.print("! there is a file of that name. Nothing was written.")
	case errors.As(err, new(*fs.PathError)):
		c.screen.print("! cannot write the file: " + CleanLine(err.Error()))
	case err != nil:
		c.screen.print(failed("export your data", err))
	default:
		c.screen.print(fmt.Sprintf("Written: %d bytes of JSON lines in %s.", size, CleanLine(path)))
	}
	return nil
}

// exportTo writes the file and returns its size in bytes.
func (c *chat) exportTo(ctx context.Context, path string) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	err = c.cfg.Client.Export(ctx, f)
	if err == nil {
		size, err = f.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return size, err
}
