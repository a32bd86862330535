# Drives a server from its create to its delete over the bus, and follows its events. Needs bunny (ruby-bunny on Debian).
#
#     BUS_URL=amqp://shop:PASSWORD@HOST:5672/tenants ruby docs/examples/ruby/main.rb ORDER

require "bunny"
require "json"
require "timeout"
require "uri"

PATIENCE = 480 # seconds that all of it may take

url, order = ENV.fetch("BUS_URL"), ARGV.fetch(0)
user = URI(url).user
connection = Bunny.new(url)
connection.start
channel = connection.create_channel
channel.confirm_select

# What there is to consume is there already; a user may declare nothing.
answers, events = %w[replies events].map do |kind|
  messages = Queue.new
  channel.queue("#{kind}.#{user}", no_declare: true).subscribe(manual_ack: true) do |delivery, properties, body|
    messages << [properties, JSON.parse(body)]
    channel.ack(delivery.delivery_tag)
  end
  messages
end

last = Hash.new(0) # the highest sequence of each source

# Returns the event that ends the operation.
follow = lambda do |operation|
  loop do
    _, event = events.pop
    source, number = event["partitionkey"], event["sequence"].to_i
    next unless number > last[source] # it has come before

    last[source] = number
    next unless event["correlationid"] == operation
    return event if event["type"].end_with?(".end")

    abort "#{event['type']}: #{event['data']['error']['message']}" if event["type"].end_with?(".error", ".cancelled")
  end
end

# Sends a command and follows its operation to the end; returns the number of the server.
run = lambda do |kind, params, target = nil|
  id = "#{order}/#{kind}" # always the same for the same thing: sent again, it is not done again
  body = { target: target, params: params }.compact
  10.times do |try|
    channel.basic_publish(body.to_json, "ingress.#{user}", "",
                          user_id: user, message_id: id, type: kind, content_type: "application/json", persistent: true)
    break if channel.wait_for_confirms
    abort "the queue stays full" if try == 9

    sleep 1 # the queue is full
  end
  properties, answer = answers.pop until properties && properties.correlation_id == id
  abort "#{kind}: #{answer}" unless properties.type == "command.accepted"
  event = follow.call(answer["operation"])
  server = event["data"]["server"]
  puts "#{event['type']} #{server ? server['status'] : 'gone'}"
  answer["target"]["id"]
end

Timeout.timeout(PATIENCE) do
  made = run.call("server.create", { name: order, imageId: 1, flavorId: 1 })
  run.call("server.resize", { flavorId: 2 }, made)
  run.call("server.resize_confirm", {}, made)
  run.call("server.delete", {}, made)
end
connection.close
