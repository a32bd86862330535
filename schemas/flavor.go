package schemas

// Flavor is a hardware configuration. The triple (RAM, disk, CPU weight) is unique.
type Flavor struct {
	ID        FlavorID `json:"id"`
	Name      string   `json:"name"`
	RAMMiB    int64    `json:"ram"`
	DiskGB    int64    `json:"disk"`
	CPUWeight int64    `json:"cpu_weight"` // relative share of the host's CPUs; not on the v1.0 wire
}

// DefaultFlavors is the catalogue of the reference service. Source: recordings of the real service.
func DefaultFlavors() []Flavor {
	return []Flavor{
		{1, "256 MB Server", 256, 10, 1},
		{2, "512 MB Server", 512, 20, 2},
		{3, "1 GB Server", 1024, 40, 4},
		{4, "2 GB Server", 2048, 80, 8},
		{5, "4 GB Server", 4096, 160, 16},
		{6, "8 GB Server", 8192, 320, 32},
		{7, "15.5 GB Server", 15872, 620, 62},
	}
}
