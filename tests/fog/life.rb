# Has fog make every call that it has for v1.0, and prints a line for each: its name and what it came to.
require "fog/rackspace"
require "fog/rackspace/compute"

url, user, key = ARGV
cloud = Fog::Compute::Rackspace.new(rackspace_username: user, rackspace_api_key: key, rackspace_auth_url: url + "/v1.0")

def call(name)
  got = yield
  puts "#{name}: #{got.respond_to?(:status) ? got.status : got}"
  got
rescue StandardError => e
  puts "#{name}: #{e.class}"
end

# The server's state, once the block holds; it polls as its users do.
def await(server, &block)
  server.wait_for(30, 0.1, &block)
  server.state
end

%i[list_flavors list_flavors_detail list_images list_images_detail list_servers list_servers_detail].each { |c| call(c) { cloud.send(c) } }
call(:get_flavor_details) { cloud.get_flavor_details(1) }
call(:get_image_details) { cloud.get_image_details(1) }
call("flavors, images") { "#{cloud.flavors.get(1).ram} #{cloud.images.get(1).status}" }

file = { "path" => "/etc/motd", "contents" => "as long as base64 is broken into lines for. " * 9 }
made = call(:create_server) { cloud.create_server(1, 1, "name" => "fog", "metadata" => { "a" => "ü" }, "personality" => [file]) }
id = made.body["server"]["id"]
server = cloud.servers.get(id)
call("ready") { await(server, &:ready?) }
call("shows") { "#{server.name} #{server.metadata} #{server.flavor_id} #{server.image_id} #{server.progress} #{server.host_id.length}" }
call("without a name") { (nameless = cloud.servers.create(flavor_id: 1, image_id: 1)) && nameless.name.sub(nameless.id.to_s, "ID") }
%i[get_server_details list_addresses list_public_addresses list_private_addresses].each { |c| call(c) { cloud.send(c, id) } }

call(:update_server) { cloud.update_server(id, name: "other", adminPass: "Secret1234") }
call("ready") { await(server, &:ready?) + " " + server.name }
%w[SOFT HARD].each do |kind|
  call(:reboot_server) { cloud.reboot_server(id, kind) }
  call("ready") { await(server, &:ready?) }
end
%i[revert_resized_server confirm_resized_server].each do |ending|
  call(:resize_server) { cloud.resize_server(id, 2) }
  call("verify") { await(server) { state == "VERIFY_RESIZE" } }
  call(ending) { cloud.send(ending, id) }
  call("ready") { "#{await(server, &:ready?)} #{server.flavor_id}" }
end
call("resize to the same") { cloud.resize_server(id, 2) }
call("a reboot of no kind") { cloud.reboot_server(id, "soft") }

made = call(:create_image) { cloud.create_image(id) }
image = cloud.images.get(made.body["image"]["id"])
call("image ready") { image.wait_for(30, 0.1, &:ready?) && image.status }
call(:delete_image) { cloud.delete_image(image.id) }
call("image gone") { cloud.images.get(image.id).inspect }
call(:delete_server) { cloud.delete_server(id) }
call("server gone") { cloud.servers.get(id).inspect }
call("server 0") { cloud.get_server_details(0) }

cloud.instance_variable_set(:@auth_token, "stale")
call("with a stale token") { cloud.list_servers }
call("with a wrong key") { Fog::Compute::Rackspace.new(rackspace_username: user, rackspace_api_key: "x", rackspace_auth_url: url + "/v1.0") }
