"""The paper's networks in PyTorch, under the parameter names that nets/ and the published weights use."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Imitator(nn.Module):
    """Table 2: parameters [N, dim] -> picture [N, 3, size, size]; the paper's widths, the first of them
    for a size below 512."""
    def __init__(self, dim=264, size=512):
        super().__init__()
        layers, cin, side = [], dim, 4
        for i, c in enumerate((512, 512, 512, 256, 128, 64, 64)):
            if side >= size:
                break
            layers += [nn.ConvTranspose2d(cin, c, 4, 1 if i == 0 else 2, 0 if i == 0 else 1, bias=False),
                       nn.BatchNorm2d(c), nn.ReLU()]
            cin, side = c, 2 * side
        self.net = nn.Sequential(*layers, nn.ConvTranspose2d(cin, 3, 4, 2, 1))

    def forward(self, x):
        return self.net(x[:, :, None, None])


class Mfm(nn.Module):
    def __init__(self, cin, cout, kernel):
        super().__init__()
        self.filter = nn.Conv2d(cin, 2 * cout, kernel, padding=kernel // 2)

    def forward(self, x):
        return torch.max(*self.filter(x).chunk(2, 1))


class LightBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.conv2 = Mfm(c, c, 3), Mfm(c, c, 3)

    def forward(self, x):
        return self.conv2(self.conv1(x)) + x


class LightGroup(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv_a, self.conv = Mfm(cin, cin, 1), Mfm(cin, cout, 3)

    def forward(self, x):
        return self.conv(self.conv_a(x))


class LightCnn(nn.Module):
    """LightCNN-29v2: grey [N, 1, size, size] -> [N, 256]; with classes: -> their logits."""
    def __init__(self, classes=0, size=128):
        super().__init__()
        widths = (48, 96, 192, 128, 128)
        self.conv1 = Mfm(1, 48, 5)
        for i, n in enumerate((1, 2, 3, 4)):
            setattr(self, "block%d" % (i + 1), nn.Sequential(*[LightBlock(widths[i]) for _ in range(n)]))
            setattr(self, "group%d" % (i + 1), LightGroup(widths[i], widths[i + 1]))
        self.fc = nn.Linear((size // 16) ** 2 * 128, 256)
        if classes:
            self.fc2 = nn.Linear(256, classes, bias=False)

    def embed(self, x):
        def pool(t):
            return F.max_pool2d(t, 2) + F.avg_pool2d(t, 2)
        x = pool(self.conv1(x))
        x = pool(self.group1(self.block1(x)))
        x = pool(self.group2(self.block2(x)))
        x = self.group3(self.block3(x))
        x = pool(self.group4(self.block4(x)))
        return self.fc(x.flatten(1))

    def forward(self, x):
        e = self.embed(x)
        return self.fc2(e) if hasattr(self, "fc2") else e


class Bottleneck(nn.Module):
    def __init__(self, cin, width, stride):
        super().__init__()
        out = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(cin, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)
        self.downsample = None
        if cin != out or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(cin, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """torchvision's names. strides 1, 2, 2, 2 and fc: the classifier of ImageNet; 2, 1, 1, 1 and head:
    F_seg of Table 3."""
    def __init__(self, strides, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        cin = 64
        for i, (n, stride) in enumerate(zip((3, 4, 6, 3), strides)):
            width, blocks = 64 << i, []
            for j in range(n):
                blocks.append(Bottleneck(cin, width, stride if j == 0 else 1))
                cin = 4 * width
            setattr(self, "layer%d" % (i + 1), nn.Sequential(*blocks))
        if strides[0] == 2:
            self.head = nn.Conv2d(2048, classes, 1)
        else:
            self.fc = nn.Linear(2048, classes)

    def forward(self, x):
        """Logits [N, classes, H/8, W/8] of pictures in 0 .. 1."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(4 * x - 2))), 3, 2, 1)
        return self.head(self.layer4(self.layer3(self.layer2(self.layer1(x)))))


class AttentionBlock(nn.Module):
    def __init__(self, width, hidden, gate):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.gate1, self.gate2 = nn.Linear(width, gate), nn.Linear(gate, width)

    def forward(self, v):
        h = self.fc2(F.relu(self.fc1(v)))
        return F.relu(v + h * torch.sigmoid(self.gate2(F.relu(self.gate1(h)))))


class Translator(nn.Module):
    """Table 4: descriptor [N, 256] -> [continuous | a softmax per group]."""
    def __init__(self, continuous=208, groups=(23, 26, 7)):
        super().__init__()
        self.groups = groups
        self.fc1 = nn.Linear(256, 512)
        for i in range(3):
            setattr(self, "block%d" % (i + 1), AttentionBlock(512, 1024, 16))
        self.continuous, self.discrete = nn.Linear(512, continuous), nn.Linear(512, sum(groups))

    def forward(self, e):
        v = F.relu(self.fc1(e))
        for i in range(3):
            v = getattr(self, "block%d" % (i + 1))(v)
        choices = [F.softmax(part, 1) for part in self.discrete(v).split(self.groups, 1)]
        return torch.cat([torch.sigmoid(self.continuous(v))] + choices, 1)


def noise(name, n):
    """n values in [-1, 1), multiples of 2^-23, of a generator keyed by a name: splitmix64 from FNV-1a of the
    name times 2^32 on. tests/noise.h does the same."""
    key = 0x811c9dc5
    for byte in name.encode():
        key = (key ^ byte) * 0x01000193 & 0xffffffff
    with np.errstate(over="ignore"):
        z = np.arange(1, n + 1, dtype=np.uint64) + np.uint64(key << 32)
        z = z * np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1


def draw(net):
    """Fills parameters and running statistics with noise of their names: matrices and filters over the
    root of their fan-in, rounded up to a power of two; all others over 16, around 1 for gains and variances,
    but around 1/8 for the gains at the end of a residual branch, so that training is no chaos in which the
    last place counts. Every value is a float."""
    for name, t in net.state_dict().items():
        if not t.is_floating_point():
            continue
        v = noise(name, t.numel())
        if t.dim() > 1:
            e = 0
            while 4 ** e < t[0].numel():
                e += 1
            v = v / 2 ** e
        else:
            v = v / 16 + (.125 if name.endswith("bn3.weight") else name.endswith(("weight", "running_var")))
        t.copy_(torch.from_numpy(v.astype(np.float32)).reshape(t.shape))
