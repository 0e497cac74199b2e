// The page: its language and look first, then everything else.
import { createApp } from 'vue';
import App from './App.vue';
import { begin } from './i18n.ts';
import { resume } from './stores/visit.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/pieces.css';
import './styles/shop.css';
import './styles/order.css';
import './styles/panels.css';
import './styles/videos.css';

begin();
await resume(); // whoever was signed in before the page was loaded again
createApp(App).mount('#page');
