// Package tenant is the command line of who has an account: it speaks REST only.
package tenant

import (
	"io"
)

// Commands are what a tenant can do.
type Commands struct {
	Login     loginCmd     `cmd:"" help:"Check user and key and keep them for the commands below."`
	Server    serverCmd    `cmd:"" help:"Servers: create, list, change and delete them."`
	Image     imageCmd     `cmd:"" help:"Images, of which servers are made."`
	Backup    backupCmd    `cmd:"" help:"Backup schedules of servers."`
	Group     groupCmd     `cmd:"" help:"Shared IP groups: servers that may share public addresses."`
	Flavor    flavorCmd    `cmd:"" help:"Flavors: the sizes of servers."`
	Limits    limitsCmd    `cmd:"" help:"What the account may have and how often it may ask."`
	Operation operationCmd `cmd:"" help:"Operations: what became of each request."`
	Events    eventsCmd    `cmd:"" help:"Events: each change of the account's servers, images and groups."`

	Subscription subscriptionCmd `cmd:"" help:"Queues of events for programs on the bus."`
}

// Env is where commands read and write.
type Env struct {
	In  io.Reader // the key of a login that is given nowhere else
	Out io.Writer // results
	Err io.Writer // what happens meanwhile
}
