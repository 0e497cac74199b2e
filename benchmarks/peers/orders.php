<?php
// The lecture's ProcessOrder on Laravel's own queue (Debian's php-laravel-framework), as a peer to measure beside.
// php orders.php setup | place N | work   (env: DB_HOST DB_PORT DB_NAME DB_USER DB_PASSWORD, REDIS_PORT)
require '/usr/share/php/Illuminate/autoload.php';
foreach (['Database','Queue','Redis','Bus','Events','Container','Support','Pipeline'] as $c) {
    $f = "/usr/share/php/Illuminate/$c/autoload.php";
    if (file_exists($f)) require_once $f;
}

use Illuminate\Bus\Queueable;
use Illuminate\Container\Container;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Database\Capsule\Manager as DB;
use Illuminate\Database\Eloquent\Model;
use Illuminate\Events\Dispatcher;
use Illuminate\Queue\Capsule\Manager as Queue;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Queue\SerializesModels;
use Illuminate\Queue\Worker;
use Illuminate\Queue\WorkerOptions;

$app = new Container();
Container::setInstance($app);
$app->instance(Illuminate\Contracts\Container\Container::class, $app);
$app->instance(Container::class, $app);
Illuminate\Support\Facades\Facade::setFacadeApplication($app);
$events = new Dispatcher($app);
$app->instance('events', $events);
$app->instance(Illuminate\Contracts\Events\Dispatcher::class, $events);

$db = new DB($app);
$db->addConnection([
    'driver' => 'pgsql', 'host' => getenv('DB_HOST') ?: '127.0.0.1', 'port' => getenv('DB_PORT') ?: 5432,
    'database' => getenv('DB_NAME') ?: 'laravel', 'username' => getenv('DB_USER') ?: 'postgres', 'password' => getenv('DB_PASSWORD') ?: '',
    'charset' => 'utf8', 'schema' => 'public',
]);
$db->setAsGlobal();
$db->bootEloquent();

$app['config'] = $app['config'] ?? new Illuminate\Support\Fluent();
$app->instance('redis', new Illuminate\Redis\RedisManager($app, 'phpredis', [
    'default' => ['host' => '127.0.0.1', 'port' => (int) (getenv('REDIS_PORT') ?: 6379), 'database' => 3],
]));
$queue = new Queue($app);
$queue->addConnector('redis', fn () => new Illuminate\Queue\Connectors\RedisConnector($app['redis']));
$queue->addConnection(['driver' => 'redis', 'connection' => 'default', 'queue' => 'default', 'retry_after' => 90, 'block_for' => 1]);
$queue->setAsGlobal();
$app->bind(Illuminate\Contracts\Bus\Dispatcher::class, fn () => new Illuminate\Bus\Dispatcher($app, fn () => $queue->getConnection()));

class Product extends Model { public $timestamps = false; protected $guarded = []; }
class Item extends Model { public $timestamps = false; protected $table = 'order_items'; protected $guarded = []; public function product() { return $this->belongsTo(Product::class); } }
class Order extends Model { protected $guarded = []; public function items() { return $this->hasMany(Item::class); } }

class SendMail implements ShouldQueue { use InteractsWithQueue, Queueable, SerializesModels;
    public function __construct(public Order $order) {}
    public function handle() { DB::table('notifications')->insert(['order_id' => $this->order->id, 'channel' => 'mail', 'body' => "Your order #{$this->order->number} is confirmed!"]); } }
class SendSms implements ShouldQueue { use InteractsWithQueue, Queueable, SerializesModels;
    public function __construct(public Order $order) {}
    public function handle() { DB::table('notifications')->insert(['order_id' => $this->order->id, 'channel' => 'sms', 'body' => "Your order #{$this->order->number} is confirmed!"]); } }

class ProcessOrder implements ShouldQueue {
    use InteractsWithQueue, Queueable, SerializesModels;
    public function __construct(public Order $order) {}
    public function handle() {
        DB::connection()->transaction(function () {
            foreach ($this->order->items as $item) {
                if ($item->product->stock < $item->quantity) throw new RuntimeException('insufficient stock');
            }
            DB::table('payments')->insert(['order_id' => $this->order->id, 'amount' => $this->order->total]);
            foreach ($this->order->items as $item) Product::where('id', $item->product_id)->decrement('stock', $item->quantity);
            $this->order->update(['status' => 'confirmed']);
            DB::table('analytics')->insert(['order_id' => $this->order->id, 'amount' => $this->order->total]);
        });
        Queue::push(new SendMail($this->order));
        Queue::push(new SendSms($this->order));
    }
}

$s = DB::schema();
switch ($argv[1] ?? '') {
    case 'setup':
        foreach (['notifications', 'analytics', 'payments', 'order_items', 'orders', 'products'] as $t) $s->dropIfExists($t);
        $s->create('products', function ($t) { $t->id(); $t->string('name'); $t->integer('stock'); });
        $s->create('orders', function ($t) { $t->id(); $t->string('number'); $t->string('status'); $t->integer('total'); $t->timestamps(); });
        $s->create('order_items', function ($t) { $t->id(); $t->foreignId('order_id')->index(); $t->foreignId('product_id'); $t->integer('quantity'); });
        $s->create('payments', function ($t) { $t->id(); $t->foreignId('order_id'); $t->integer('amount'); });
        $s->create('analytics', function ($t) { $t->id(); $t->foreignId('order_id'); $t->integer('amount'); });
        $s->create('notifications', function ($t) { $t->id(); $t->foreignId('order_id'); $t->string('channel'); $t->string('body'); });
        for ($i = 1; $i <= 100; $i++) Product::create(['name' => "p$i", 'stock' => 1000000]);
        $app['redis']->connection()->flushdb();
        break;
    case 'place':
        $n = (int) $argv[2]; $t0 = microtime(true);
        for ($i = 0; $i < $n; $i++) {
            $order = DB::connection()->transaction(function () use ($i) {
                $o = Order::create(['number' => "N$i", 'status' => 'pending', 'total' => 4200]);
                Item::create(['order_id' => $o->id, 'product_id' => 1 + $i % 100, 'quantity' => 1]);
                Item::create(['order_id' => $o->id, 'product_id' => 1 + ($i * 7 + 3) % 100, 'quantity' => 2]);
                return $o;
            });
            Queue::push(new ProcessOrder($order));
        }
        printf("placed %.1f orders/s\n", $n / (microtime(true) - $t0));
        break;
    case 'work':
        $handler = new class implements Illuminate\Contracts\Debug\ExceptionHandler {
            public function report(Throwable $e) { fwrite(STDERR, get_class($e).': '.$e->getMessage()."\n"); }
            public function shouldReport(Throwable $e) { return true; }
            public function render($r, Throwable $e) {}
            public function renderForConsole($o, Throwable $e) {}
        };
        $worker = new Worker($queue->getQueueManager(), $events, $handler, fn () => false);
        $worker->daemon('default', 'default', new WorkerOptions('default', 0, 512, 60, 1, 3, false, true));
        break;
}
