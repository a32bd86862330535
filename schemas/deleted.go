package schemas

import "maps"

// DeletedView is the server as a poll for changes shows it once it is deleted: on no host, its addresses given back.
func (s *Server) DeletedView() ServerView {
	v := ServerView{
		ID: s.ID, Name: s.Name, ImageID: s.Image, FlavorID: s.Flavor, Status: StatusDeleted, Progress: 100, Metadata: map[string]string{},
		Addresses: AddressesView{Public: []string{}, Private: []string{}},
	}
	maps.Copy(v.Metadata, s.Metadata)
	return v
}
