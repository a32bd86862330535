// Package v10 is the Cloud Servers API v1.0, the one that the reference demands.
package v10

import (
	"net/http"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
)

type module struct {
	edge.Deps

	flavors flavorCache
}

// New is the module core.v10.
func New() edge.Module { return &module{} }

// ID names the module.
func (m *module) ID() string { return "core.v10" }

// Routes mounts the API below /v1.0.
func (m *module) Routes(d edge.Deps, r *edge.Router) error {
	m.Deps = d
	m.flavors = flavorCache{reader: d.Reader, now: d.Now, changed: d.Now()}
	return r.HandleAll(m.routes("/v1.0/{account}"))
}

// routes are those of the API, below base.
func (m *module) routes(base string) []edge.Route {
	servers, flavors, images, groups := base+"/servers", base+"/flavors", base+"/images", base+"/shared_ip_groups"
	return []edge.Route{
		{Verb: http.MethodGet, Path: "/", Handle: m.listVersions},
		{Verb: http.MethodGet, Path: "/v1.0", Handle: m.getVersion},

		{Verb: http.MethodGet, Path: servers, Handle: m.listServers},
		{Verb: http.MethodPost, Path: servers, Handle: m.createServer, MaxBody: edge.LargeBody, XML: form, Rate: schemas.RateServers},
		{Verb: http.MethodGet, Path: servers + "/detail", Handle: m.listServersDetail},
		{Verb: http.MethodGet, Path: servers + "/{id}", Handle: m.getServer},
		{Verb: http.MethodPut, Path: servers + "/{id}", Handle: m.updateServer, MaxBody: edge.SmallBody, XML: form},
		{Verb: http.MethodDelete, Path: servers + "/{id}", Handle: m.deleteServer},
		{Verb: http.MethodGet, Path: servers + "/{id}/ips", Handle: m.getAddresses},
		{Verb: http.MethodGet, Path: servers + "/{id}/ips/public", Handle: m.getPublic},
		{Verb: http.MethodPut, Path: servers + "/{id}/ips/public/{address}", Handle: m.shareAddress, MaxBody: edge.SmallBody, XML: form},
		{Verb: http.MethodDelete, Path: servers + "/{id}/ips/public/{address}", Handle: m.unshareAddress},
		{Verb: http.MethodGet, Path: servers + "/{id}/ips/private", Handle: m.getPrivate},
		{Verb: http.MethodGet, Path: servers + "/{id}/backup_schedule", Handle: m.getBackups},
		{Verb: http.MethodPost, Path: servers + "/{id}/backup_schedule", Handle: m.setBackups, MaxBody: edge.SmallBody, XML: form},
		{Verb: http.MethodDelete, Path: servers + "/{id}/backup_schedule", Handle: m.disableBackups},
		{Verb: http.MethodPost, Path: servers + "/{id}/action", Handle: m.act, MaxBody: edge.SmallBody, XML: form},

		{Verb: http.MethodGet, Path: flavors, Handle: m.listFlavors},
		{Verb: http.MethodGet, Path: flavors + "/detail", Handle: m.listFlavorsDetail},
		{Verb: http.MethodGet, Path: flavors + "/{id}", Handle: m.getFlavor},

		{Verb: http.MethodGet, Path: images, Handle: m.listImages},
		{Verb: http.MethodPost, Path: images, Handle: m.createImage, MaxBody: edge.SmallBody, XML: form},
		{Verb: http.MethodGet, Path: images + "/detail", Handle: m.listImagesDetail},
		{Verb: http.MethodGet, Path: images + "/{id}", Handle: m.getImage},
		{Verb: http.MethodDelete, Path: images + "/{id}", Handle: m.deleteImage},

		{Verb: http.MethodGet, Path: base + "/limits", Handle: m.getLimits},

		{Verb: http.MethodGet, Path: groups, Handle: m.listGroups},
		{Verb: http.MethodPost, Path: groups, Handle: m.createGroup, MaxBody: edge.SmallBody, XML: form},
		{Verb: http.MethodGet, Path: groups + "/detail", Handle: m.listGroupsDetail},
		{Verb: http.MethodGet, Path: groups + "/{id}", Handle: m.getGroup},
		{Verb: http.MethodDelete, Path: groups + "/{id}", Handle: m.deleteGroup},
	}
}

// flavorsFresh is how long flavors are kept: they are read-only in v1.0.
const flavorsFresh = 60 * time.Second
