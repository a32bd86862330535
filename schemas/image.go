package schemas

import "time"

// Image is the state of an image actor. Base images have account 0 and no server.
type Image struct {
	V        int         `json:"v"`
	ID       ImageID     `json:"id"`
	Account  AccountID   `json:"account"`
	Name     string      `json:"name"`
	Server   ServerID    `json:"server,omitempty"`
	Status   ImageStatus `json:"status"`
	Progress int         `json:"progress"`
	Host     HostID      `json:"host,omitempty"` // who made it and removes it
	Copy     int         `json:"copy,omitempty"`
	Slot     *BackupSlot `json:"slot,omitempty"` // of the backup that it is; nil: a tenant wanted it
	Cursor   *Cursor     `json:"cursor,omitempty"`
	Sequence int64       `json:"sequence"`
	Created  time.Time   `json:"created"`
	Updated  time.Time   `json:"updated"`
}

// ImageView is an image as the v1.0 contract shows it in detail form, without the envelope.
type ImageView struct {
	ID       ImageID     `json:"id"`
	Name     string      `json:"name"`
	ServerID ServerID    `json:"serverId,omitempty"` // only on images made from a server
	Updated  string      `json:"updated"`            // RFC 3339 with zone, whole seconds
	Created  string      `json:"created"`
	Status   ImageStatus `json:"status"`
	Progress *int        `json:"progress,omitempty"` // absent on base images
}

// View is the image as a tenant sees it.
func (i *Image) View() ImageView {
	v := ImageView{
		ID: i.ID, Name: i.Name, ServerID: i.Server, Status: i.Status,
		Updated: i.Updated.UTC().Format(time.RFC3339), Created: i.Created.UTC().Format(time.RFC3339),
	}
	if i.Server != 0 {
		v.Progress = &i.Progress
	}
	return v
}
