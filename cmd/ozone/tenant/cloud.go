package tenant

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/client"
)

// defaultURL is where a node listens that nobody told otherwise.
const defaultURL = "http://127.0.0.1:8774"

// cloud says which cloud a command is for, as whom, and how its result is shown.
type cloud struct {
	URL     string        `name:"url" help:"URL of the cloud, without a path. Default: that of ozone login, else http://127.0.0.1:8774." placeholder:"URL"`
	User    string        `help:"Name of the user. Default: that of ozone login." placeholder:"NAME"`
	Key     string        `help:"API key of the user (better in OZONE_KEY: others can read a command line). Default: that of ozone login." placeholder:"KEY"`
	Output  string        `short:"o" help:"How results are shown: table or json." enum:"table,json" default:"table"`
	Retry   time.Duration `help:"How long a request is repeated that gets no answer, or is told to come later. It has one effect, however often it is sent." default:"30s"`
	Timeout time.Duration `help:"How long --wait and watch wait; 0s: as long as it takes." default:"0s"`
}

// given is the login that flags, the environment or the config file have; the zero one when they have none.
func (c *cloud) given() login { return login{URL: c.URL, User: c.User, Key: c.Key} }

// session is one command's way to the cloud.
type session struct {
	*client.Client
	*Env
	printer
	timeout time.Duration
}

// ProvideSession is the way to the cloud of the commands that ask for one.
func (c *cloud) ProvideSession(e *Env) (*session, error) {
	l, err := c.given().orKept()
	if err != nil {
		return nil, err
	}
	cl, err := c.dial(e, l, tokens(l))
	if err != nil {
		return nil, err
	}
	return &session{Client: cl, Env: e, printer: printer{out: e.Out, json: c.Output == "json"}, timeout: c.Timeout}, nil
}

// dial makes the client of a login.
func (c *cloud) dial(e *Env, l login, t tokenFile) (*client.Client, error) {
	cl, err := client.New(client.Config{
		URL: l.URL, User: l.User, Key: l.Key, Patience: c.Retry, Now: time.Now, Session: t.session(), Renewed: t.keep,
		Waiting: func(why error, left time.Duration) {
			_, _ = fmt.Fprintf(e.Err, "%s. Trying again for %v (--retry).\n", strings.TrimRight(why.Error(), "."), left.Round(time.Second))
		},
	})
	if err != nil {
		return nil, usage(err.Error(), "")
	}
	return cl, nil
}

type loginCmd struct {
	cloud `embed:"" group:"Which cloud is asked, as whom:"`
}

// Help says where the key comes from.
func (*loginCmd) Help() string {
	return "The key is read from standard input when neither --key nor OZONE_KEY has it:\n\n" +
		"  ozone login --user demo < .data/demo.key\n" +
		"  ozone login --url https://cloud.example.org --user alice < key-file\n\n" +
		"URL, user and key are kept in a file that only you can read; another login replaces it. Without --url a login is at " + defaultURL + ", whatever was kept before."
}

// Run logs in and keeps the login.
func (l *loginCmd) Run(ctx context.Context, e *Env) error {
	given, err := l.given().complete(e.In)
	if err != nil {
		return err
	}
	t := tokens(given)
	c, err := l.dial(e, given, t)
	if err != nil {
		return err
	}
	s, err := c.Login(ctx)
	if err != nil {
		return err
	}
	path, err := given.keep()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Out, "logged in as %s at %s, kept in %s\n", given.User, s.Endpoint, path)
	return err
}
